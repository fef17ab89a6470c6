pub struct BlogModule;

impl RusToKModule for BlogModule {}
