//! The endpoints.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::ContentType,
    middleware::Compress,
    web::{self, Bytes, Data, Path, Payload, ServiceConfig},
};
use entry_kit::{
    data::{self, Datasets, Item, List},
    db, query,
};
use futures_util::StreamExt;

pub(crate) const UPLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// HEAD is not implied by GET.
macro_rules! reading {
    ($path:literal, $handler:expr) => {
        web::resource($path)
            .route(web::get().to($handler))
            .route(web::head().to($handler))
    };
}

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(reading!("/baseline11", sum).route(web::post().to(sum_with_body)))
        .service(reading!("/baseline2", sum))
        .service(reading!("/pipeline", pipeline))
        .service(web::resource("/upload").route(web::post().to(upload)))
        .service(reading!("/db", database))
        .service(reading!("/json", json).wrap(Compress::default()))
        .service(reading!("/json/{count}", json_count).wrap(Compress::default()))
        .service(reading!("/compression", large).wrap(Compress::default()));
}

async fn sum(request: HttpRequest) -> HttpResponse {
    text(query::sum(Some(request.query_string())).to_string())
}

async fn sum_with_body(request: HttpRequest, body: Bytes) -> HttpResponse {
    let number = std::str::from_utf8(&body)
        .ok()
        .and_then(|body| body.trim().parse::<i64>().ok())
        .unwrap_or(0);
    let sum = query::sum(Some(request.query_string()));
    text(sum.wrapping_add(number).to_string())
}

async fn pipeline() -> HttpResponse {
    text("ok")
}

/// Counts the bytes as they arrive and keeps none.
async fn upload(mut body: Payload) -> HttpResponse {
    let mut count = 0;
    while let Some(part) = body.next().await {
        match part {
            Ok(part) => count += part.len(),
            Err(_) => return HttpResponse::BadRequest().body("the body broke off"),
        }
        if count > UPLOAD_BYTES_MAX {
            return HttpResponse::PayloadTooLarge().body("the body is too large");
        }
    }
    text(count.to_string())
}

async fn json(datasets: Data<Datasets>) -> HttpResponse {
    list(datasets.small.as_deref(), 1)
}

async fn json_count(
    request: HttpRequest,
    datasets: Data<Datasets>,
    count: Path<String>,
) -> HttpResponse {
    let Ok(count) = count.parse() else {
        return HttpResponse::BadRequest().body("the number of items is not a number");
    };
    match query::value(Some(request.query_string()), "m", 1) {
        Ok(factor) => {
            let items = datasets.small.as_deref();
            list(items.map(|items| data::first(items, count)), factor)
        }
        Err(reason) => HttpResponse::BadRequest().body(reason),
    }
}

async fn large(datasets: Data<Datasets>) -> HttpResponse {
    list(datasets.large.as_deref(), 1)
}

fn list(items: Option<&[Item]>, factor: i64) -> HttpResponse {
    let Some(items) = items else {
        return HttpResponse::InternalServerError().body("the dataset is not available");
    };
    match List::new(items, factor) {
        Some(list) => HttpResponse::Ok().json(list),
        None => HttpResponse::BadRequest().body("a total is out of range"),
    }
}

/// The query takes microseconds, less than a way through a pool of threads.
async fn database(request: HttpRequest) -> HttpResponse {
    match db::list(Some(request.query_string())) {
        Ok(body) => HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(body),
        Err(db::Refusal::Query(reason)) => HttpResponse::BadRequest().body(reason),
        Err(db::Refusal::Failed) => HttpResponse::InternalServerError().body("the query failed"),
    }
}

fn text(body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body(body.into())
}
