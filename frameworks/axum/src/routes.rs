//! The endpoints.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, Request, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use entry_kit::{
    data::{self, Datasets, Item, List},
    db, query, websocket,
};
use http_body_util::BodyExt;
use tower_http::{CompressionLevel, compression::CompressionLayer};

const UPLOAD_BYTES_MAX: u64 = 32 * 1024 * 1024;
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

type Data = State<Arc<Datasets>>;

pub(crate) fn router(datasets: Arc<Datasets>) -> Router {
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let lists = Router::new()
        .route("/json", get(json))
        .route("/json/{count}", get(json_count))
        .route("/compression", get(large))
        .layer(compression);
    Router::new()
        .route("/baseline11", get(sum).post(sum_with_body))
        .route("/baseline2", get(sum))
        .route("/pipeline", get(pipeline))
        .route("/upload", post(upload))
        .route("/db", get(database))
        // Not `axum::extract::ws`: behind `pipeline_flush` hyper drops the answer
        // of an upgrade that has frames behind it, which the kit's echo mends.
        .route("/ws", get(echo))
        .merge(lists)
        .with_state(datasets)
}

async fn sum(RawQuery(query): RawQuery) -> Response {
    text(query::sum(query.as_deref()).to_string())
}

async fn sum_with_body(RawQuery(query): RawQuery, body: Bytes) -> Response {
    let number = std::str::from_utf8(&body)
        .ok()
        .and_then(|body| body.trim().parse::<i64>().ok())
        .unwrap_or(0);
    text(
        query::sum(query.as_deref())
            .wrapping_add(number)
            .to_string(),
    )
}

async fn pipeline() -> Response {
    text("ok")
}

/// Counts the bytes as they arrive and keeps none.
async fn upload(mut body: Body) -> Response {
    let mut count: u64 = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => count += frame.data_ref().map_or(0, |bytes| bytes.len() as u64),
            Err(_) => return (StatusCode::BAD_REQUEST, "the body broke off").into_response(),
        }
        if count > UPLOAD_BYTES_MAX {
            return (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").into_response();
        }
    }
    text(count.to_string())
}

async fn json(State(datasets): Data) -> Response {
    list(datasets.small.as_deref(), 1)
}

async fn json_count(
    State(datasets): Data,
    Path(count): Path<i64>,
    RawQuery(query): RawQuery,
) -> Response {
    match query::value(query.as_deref(), "m", 1) {
        Ok(factor) => {
            let items = datasets.small.as_deref();
            list(items.map(|items| data::first(items, count)), factor)
        }
        Err(reason) => (StatusCode::BAD_REQUEST, reason).into_response(),
    }
}

async fn large(State(datasets): Data) -> Response {
    list(datasets.large.as_deref(), 1)
}

fn list(items: Option<&[Item]>, factor: i64) -> Response {
    let Some(items) = items else {
        let reason = "the dataset is not available";
        return (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response();
    };
    match List::new(items, factor) {
        Some(list) => Json(list).into_response(),
        None => (StatusCode::BAD_REQUEST, "a total is out of range").into_response(),
    }
}

/// The query takes microseconds, less than a way through a pool of threads.
async fn database(RawQuery(query): RawQuery) -> Response {
    match db::list(query.as_deref()) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(db::Refusal::Query(reason)) => (StatusCode::BAD_REQUEST, reason).into_response(),
        Err(db::Refusal::Failed) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "the query failed").into_response()
        }
    }
}

async fn echo(request: Request) -> Response {
    websocket::upgrade(request).into_response()
}

fn text(body: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, TEXT)], body.into()).into_response()
}
