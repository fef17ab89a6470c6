pub struct BlogQuery;
