pub fn axum_router() {}
pub async fn webhooks() {}
