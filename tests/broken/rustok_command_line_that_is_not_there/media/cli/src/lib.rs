pub fn command_provider() {}
