pub struct BlogQuery; pub type BlogMutation = ();
fn attach() {}
