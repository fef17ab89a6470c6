pub struct BlogModule;
impl RusToKModule for BlogModule {}
pub use events::{
    BlogSubscription,
};
