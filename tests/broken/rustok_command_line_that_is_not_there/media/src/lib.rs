pub struct MediaModule;

impl RusToKModule for MediaModule {}
