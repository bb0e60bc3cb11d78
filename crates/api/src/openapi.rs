//! The OpenAPI document, made from the handlers.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{live, routes, session};

#[derive(OpenApi)]
#[openapi(
    info(title = "Grapevine", description = "Figures about brand mentions, the newest mentions, alerts."),
    paths(
        routes::session::open, routes::session::close, routes::session::show,
        routes::system::health, routes::system::status, routes::system::sources, routes::system::brands,
        routes::metrics::list, routes::metrics::one, routes::metrics::expect,
        routes::mentions::list, routes::search::search, live::live,
        routes::labels::show, routes::labels::give, routes::labels::take_back, routes::drawn::drawn,
        routes::forget::begin, routes::forget::list,
        routes::alerts::list,
    ),
    components(schemas(live::LiveMention)),
    modifiers(&Security),
    security(("token" = []), ("session" = []))
)]
pub(crate) struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("token", token);
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(session::COOKIE)));
        components.add_security_scheme("session", cookie);
    }
}

pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
