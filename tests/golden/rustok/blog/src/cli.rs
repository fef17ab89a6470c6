pub fn factory() {}
