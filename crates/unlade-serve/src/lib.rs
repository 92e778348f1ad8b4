//! A read-only registry over OCI image layouts: what `unlade serve` runs.
//!
//! It speaks the pull side of the distribution specification v1.1.1:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.
//!
//! ```no_run
//! # async fn example() -> unlade::Result<()> {
//! let shelf = unlade_serve::Shelf::open("images".as_ref())?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await.expect("the port is free");
//! unlade_serve::serve(listener, shelf, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`] puts in front of that what a site needs: TLS ([`Tls`]), users and passwords ([`Logins`]), and a log of
//! all requests ([`AccessLog`]); each can be left out. Without them it speaks plain HTTP to anybody: it then listens
//! on loopback, or something else stands in front of it.
//!
//! Nothing outside the served folder can be reached: names obey the grammar of
//! repositories, and below the folder no link is followed. Memory grows with the
//! number of connections alone, which is bounded; a connection on which nothing
//! moves is closed.

mod access_log;
mod blob;
mod condition;
mod gate;
mod guests;
mod listing;
mod logins;
mod manifest;
mod name;
mod names;
mod query;
mod range;
mod referrers;
mod refusal;
mod route;
mod server;
mod shelf;
mod tls;
mod visit;
mod warnings;
mod wire;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::net::TcpListener;

pub use access_log::AccessLog;
pub use logins::Logins;
pub use server::Server;
pub use shelf::Shelf;
pub use tls::Tls;

use refusal::Refusal;
use route::Route;

/// Serves a shelf, to anybody and in plain HTTP: [`Server::serve`] with nothing in front.
pub async fn serve(listener: TcpListener, shelf: Shelf, shutdown: impl Future<Output = ()> + Send + 'static) {
    Server::new(shelf).serve(listener, shutdown).await;
}

/// Does what [`serve`] does, for a router that has something in front of [`router`].
pub async fn serve_router(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send + 'static) {
    Server::of(router).serve(listener, shutdown).await;
}

/// Makes the service itself, without a listener, its limits, and what stands in front.
pub fn router(shelf: Shelf) -> Router {
    Router::new().fallback(answer).with_state(shelf)
}

/// The headers that every answer has. Publishers choose media types: a browser is not to think beyond them.
const COMMON: [(HeaderName, &str); 2] =
    [(HeaderName::from_static("docker-distribution-api-version"), "registry/2.0"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

async fn answer(State(shelf): State<Shelf>, request: Request) -> Response {
    let answered = dispatch(&shelf, &request.into_parts().0).await;
    dressed(answered.unwrap_or_else(|refusal| refusal.tell(shelf.warnings()).into_response()))
}

/// Adds the headers that every answer has.
fn dressed(mut response: Response) -> Response {
    response.headers_mut().extend(COMMON.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

async fn dispatch(shelf: &Shelf, request: &Parts) -> Result<Response, Refusal> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Refusal::method_not_allowed());
    }
    let query = request.uri.query().unwrap_or_default();
    match Route::parse(request.uri.path())? {
        Route::Base => Ok(json(StatusCode::OK, &serde_json::json!({}))),
        Route::Blob { name, digest } => blob::answer(shelf, &name, &digest, request).await,
        Route::Catalog => listing::catalog(shelf, query).await,
        Route::Manifest { name, selector } => manifest::answer(shelf, &name, &selector, request).await,
        Route::Referrers { name, digest } => referrers::answer(&shelf.find(&name).await?, &digest, query).await,
        Route::Tags { name } => listing::tags(&shelf.find(&name).await?, &name, query).await,
    }
}

/// Answers with a small document.
fn json(status: StatusCode, document: &serde_json::Value) -> Response {
    let content_type = [(http::header::CONTENT_TYPE, "application/json")];
    (status, content_type, document.to_string()).into_response()
}
