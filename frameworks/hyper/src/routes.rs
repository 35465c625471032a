//! The endpoints.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY},
};

use entry_kit::{
    data::{self, Datasets, Item, List},
    db,
    gzip::{self, Level},
    query, websocket,
};

type Answer = Response<Full<Bytes>>;

const BUFFERED_BODY_BYTES_MAX: usize = 1024 * 1024;
const UPLOAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers one request.
pub(crate) async fn answer(
    request: Request<Incoming>,
    datasets: Arc<Datasets>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(match path {
        "/baseline11" if reading => text(query::sum(request.uri().query()).to_string()),
        "/baseline11" if request.method() == Method::POST => baseline_post(request).await,
        "/baseline11" => not_allowed("GET, HEAD, POST"),
        "/upload" if request.method() == Method::POST => upload(request).await,
        "/upload" => not_allowed("POST"),
        "/baseline2" | "/pipeline" | "/json" | "/compression" | "/db" if !reading => {
            not_allowed("GET, HEAD")
        }
        "/baseline2" => text(query::sum(request.uri().query()).to_string()),
        "/pipeline" => text("ok"),
        "/json" => list(&request, datasets.small.as_deref(), 1, Level::List),
        "/ws" => websocket::upgrade(request).map(|body| Full::new(body.into())),
        "/compression" => list(&request, datasets.large.as_deref(), 1, Level::Large),
        "/db" => database(request.uri().query()),
        _ => match path.strip_prefix("/json/") {
            Some(count) if !count.is_empty() && !count.contains('/') => {
                if reading {
                    json_count(&request, &datasets, count)
                } else {
                    not_allowed("GET, HEAD")
                }
            }
            _ => plain(StatusCode::NOT_FOUND, "no such resource"),
        },
    })
}

async fn baseline_post(request: Request<Incoming>) -> Answer {
    let sum = query::sum(request.uri().query());
    let body = Limited::new(request.into_body(), BUFFERED_BODY_BYTES_MAX);
    match body.collect().await {
        Ok(body) => {
            let bytes = body.to_bytes();
            let number = std::str::from_utf8(&bytes)
                .ok()
                .and_then(|body| body.trim().parse::<i64>().ok())
                .unwrap_or(0);
            text(sum.wrapping_add(number).to_string())
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => too_large(),
        Err(_) => plain(StatusCode::BAD_REQUEST, "the body broke off"),
    }
}

/// Counts the bytes as they arrive and keeps none.
async fn upload(request: Request<Incoming>) -> Answer {
    let mut body = request.into_body();
    if body.size_hint().lower() > UPLOAD_BYTES_MAX {
        return too_large();
    }
    let mut count: u64 = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => count += frame.data_ref().map_or(0, |bytes| bytes.len() as u64),
            Err(_) => return plain(StatusCode::BAD_REQUEST, "the body broke off"),
        }
        if count > UPLOAD_BYTES_MAX {
            return too_large();
        }
    }
    text(count.to_string())
}

fn json_count(request: &Request<Incoming>, datasets: &Datasets, count: &str) -> Answer {
    let Ok(count) = count.parse() else {
        return plain(
            StatusCode::BAD_REQUEST,
            "the number of items is not a number",
        );
    };
    let factor = match query::value(request.uri().query(), "m", 1) {
        Ok(factor) => factor,
        Err(reason) => return plain(StatusCode::BAD_REQUEST, reason),
    };
    let items = datasets.small.as_deref();
    let items = items.map(|items| data::first(items, count));
    list(request, items, factor, Level::List)
}

fn list(request: &Request<Incoming>, items: Option<&[Item]>, factor: i64, level: Level) -> Answer {
    let Some(items) = items else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the dataset is not available",
        );
    };
    let Some(body) = List::new(items, factor).and_then(|list| list.to_json()) else {
        return plain(StatusCode::BAD_REQUEST, "a total is out of range");
    };
    let accepted = request.headers().get_all(ACCEPT_ENCODING);
    let accepted = accepted.iter().filter_map(|value| value.to_str().ok());
    let compressed = if gzip::wanted(accepted) {
        gzip::compress(level, &body)
    } else {
        None
    };
    let encoded = compressed.is_some();
    let mut answer = json(compressed.unwrap_or(body));
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if encoded {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

fn database(query: Option<&str>) -> Answer {
    match db::list(query) {
        Ok(body) => json(body),
        Err(db::Refusal::Query(reason)) => plain(StatusCode::BAD_REQUEST, reason),
        Err(db::Refusal::Failed) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the query failed"),
    }
}

fn text(body: impl Into<Bytes>) -> Answer {
    plain(StatusCode::OK, body)
}

fn json(body: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, JSON, body)
}

fn too_large() -> Answer {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, TEXT, body)
}

fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
