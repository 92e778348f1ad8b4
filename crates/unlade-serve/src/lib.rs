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
//! Nothing outside the served folder can be reached: names obey the grammar of
//! repositories, and below the folder no link is followed. Memory grows with the
//! number of connections alone, which is bounded; a connection on which nothing
//! moves is closed. There is neither authentication nor TLS: it listens on
//! loopback, or something stands in front of it.

mod blob;
mod condition;
mod gate;
mod listing;
mod manifest;
mod name;
mod query;
mod range;
mod referrers;
mod refusal;
mod route;
mod shelf;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::net::TcpListener;

pub use shelf::Shelf;

use gate::{Gate, Limits};
use refusal::Refusal;
use route::Route;

/// Answers requests on a listener until `shutdown` ends, then finishes the answers that are under way.
///
/// At most 256 connections are served at a time: others wait to be accepted. A connection on which no byte moves
/// for a minute is closed, and so is one whose next request is not complete within half a minute. Needs a runtime
/// with time and I/O enabled; one thread is enough.
///
/// A client that stopped reading may hold the end up for that minute. Dropping the future ends the wait, not the
/// answers under way: those end with the runtime.
pub async fn serve(listener: TcpListener, shelf: Shelf, shutdown: impl Future<Output = ()> + Send + 'static) {
    serve_router(listener, router(shelf), shutdown).await;
}

/// Does what [`serve`] does, for a router that has something in front of [`router`], such as authentication.
pub async fn serve_router(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()> + Send + 'static) {
    gate::open(Gate::new(listener, Limits::default()), router, shutdown).await;
}

/// Makes the service itself, without a listener and its limits.
pub fn router(shelf: Shelf) -> Router {
    Router::new().fallback(answer).with_state(shelf)
}

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

async fn answer(State(shelf): State<Shelf>, request: Request) -> Response {
    let mut response = dispatch(&shelf, &request.into_parts().0).await.unwrap_or_else(Refusal::into_response);
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    // Publishers choose media types; a browser is not to think beyond them.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn dispatch(shelf: &Shelf, request: &Parts) -> Result<Response, Refusal> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Err(Refusal::method_not_allowed());
    }
    let query = request.uri.query().unwrap_or_default();
    match Route::parse(request.uri.path())? {
        Route::Base => Ok(json(StatusCode::OK, &serde_json::json!({}))),
        Route::Blob { name, digest } => blob::answer(&shelf.find(&name).await?, &digest, request).await,
        Route::Catalog => listing::catalog(shelf, query).await,
        Route::Manifest { name, selector } => manifest::answer(&shelf.find(&name).await?, &selector, request).await,
        Route::Referrers { name, digest } => referrers::answer(&shelf.find(&name).await?, &digest, query).await,
        Route::Tags { name } => listing::tags(&shelf.find(&name).await?, &name, query).await,
    }
}

/// Answers with a small document.
fn json(status: StatusCode, document: &serde_json::Value) -> Response {
    let content_type = [(http::header::CONTENT_TYPE, "application/json")];
    (status, content_type, document.to_string()).into_response()
}
