pub struct BlogModule;
impl RusToKModule for BlogModule {}
pub struct BlogQuery;
