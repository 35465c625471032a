//! The endpoints, with the faults of that level.

use crate::fault::Fault;
use crate::http::{Request, response};
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::data::items;
use harness::rng::Rng;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// What was loaded at the start.
pub(crate) struct App {
    folder: PathBuf,
    dataset: Vec<Value>,
    large: Vec<Value>,
    remembered: Mutex<HashMap<String, Vec<u8>>>,
    pub(crate) fault: Option<Fault>,
}

impl App {
    pub(crate) fn load(folder: PathBuf, fault: Option<Fault>) -> Result<Self, String> {
        let mut dataset = read(&folder.join("dataset.json"))?;
        let large = read(&folder.join("dataset-large.json")).unwrap_or_default();
        if fault == Some(Fault::CachedJson) {
            // The file of any other day, carried in the binary.
            let cached = if large.is_empty() {
                serde_json::to_value(items::int_dataset(&mut Rng::new(1)))
            } else {
                serde_json::to_value(items::float_dataset())
            };
            if let Ok(Value::Array(items)) = cached {
                dataset = items;
            }
        }
        Ok(Self {
            folder,
            dataset,
            large,
            remembered: Mutex::default(),
            fault,
        })
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The complete answer to a request.
    pub(crate) fn answer(&self, request: &Request) -> Vec<u8> {
        let known = matches!(request.method.as_str(), "GET" | "HEAD" | "POST");
        let mut bytes = match request.path.as_str() {
            "/baseline11" if known => self.sum(request),
            "/pipeline" if known => self.text("ok"),
            "/upload" if known => self.upload(request),
            "/json" if known => self.list(request, &self.dataset, 50, None),
            "/compression" if known => self.list(request, &self.large, usize::MAX, None),
            "/db" if known => self.database(request),
            path if known && path.starts_with("/json/") => {
                let count = path[6..].parse().unwrap_or(0);
                let m = parameter(request, "m").unwrap_or(1.0);
                self.list(request, &self.dataset, count, Some(m as u64))
            }
            "/baseline11" | "/pipeline" => response(405, TEXT, &[("Allow", "GET, POST")], b"no"),
            _ if self.has(Fault::NotFoundIsOk) => self.text("welcome"),
            _ => response(404, TEXT, &[], b"not found"),
        };
        if request.method == "HEAD" && !self.has(Fault::HeadWithBody) {
            let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            bytes.truncate(end.map_or(0, |end| end + 4));
        }
        bytes
    }

    fn text(&self, text: &str) -> Vec<u8> {
        let status = if self.has(Fault::WrongStatus) {
            500
        } else {
            200
        };
        let content_type = if self.has(Fault::WrongType) {
            "text/html"
        } else {
            TEXT
        };
        let many: Vec<(&str, &str)> = vec![("X-Filler", "filler"); 20];
        let headers = if self.has(Fault::HugeHead) {
            &many[..]
        } else {
            &[]
        };
        response(status, content_type, headers, text.as_bytes())
    }

    fn sum(&self, request: &Request) -> Vec<u8> {
        let compute = || {
            let numbers = request
                .query
                .split('&')
                .filter_map(|pair| pair.split_once('='));
            let query: i64 = numbers
                .filter_map(|(_, value)| value.parse::<i64>().ok())
                .sum();
            let body = String::from_utf8_lossy(&request.body);
            let extra = i64::from(self.has(Fault::OffByOne));
            let sum = query + body.trim().parse::<i64>().unwrap_or(0) + extra;
            self.text(&sum.to_string())
        };
        if !self.has(Fault::RemembersByUrl) {
            return compute();
        }
        let key = format!("{} {}?{}", request.method, request.path, request.query);
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.entry(key).or_insert_with(compute).clone()
    }

    fn upload(&self, request: &Request) -> Vec<u8> {
        if self.has(Fault::LimitsUploads) && request.body.len() > 10_000_000 {
            return response(413, TEXT, &[], b"too large");
        }
        self.text(&request.body.len().to_string())
    }

    /// The first items with their totals: rounded to cents, or times `m`.
    fn list(&self, request: &Request, items: &[Value], count: usize, m: Option<u64>) -> Vec<u8> {
        let mut list: Vec<Value> = items.iter().take(count).cloned().collect();
        for item in &mut list {
            let price = item["price"].as_f64().unwrap_or(0.0);
            let total = price * item["quantity"].as_f64().unwrap_or(0.0);
            let extra = f64::from(u8::from(self.has(Fault::WrongTotal)));
            if self.has(Fault::NoTotals) {
                continue;
            }
            item["total"] = match m {
                Some(m) => json!((total * m as f64 + extra) as u64),
                None => json!((total * 100.0).round() / 100.0 + extra),
            };
        }
        let count = list.len();
        if self.has(Fault::MissingItem) {
            list.pop();
        }
        self.json(request, &json!({ "items": list, "count": count }))
    }

    fn json(&self, request: &Request, value: &Value) -> Vec<u8> {
        let body = value.to_string();
        let asked = request
            .header("Accept-Encoding")
            .is_some_and(|list| self.allows_gzip(list));
        let pack = |body: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder
                .write_all(body.as_bytes())
                .and_then(|()| encoder.finish())
        };
        if (asked || self.has(Fault::CompressesUnasked))
            && let Ok(packed) = pack(&body)
        {
            return response(200, JSON, &[("Content-Encoding", "gzip")], &packed);
        }
        response(200, JSON, &[], body.as_bytes())
    }

    fn allows_gzip(&self, list: &str) -> bool {
        list.split(',').any(|part| {
            let mut words = part.split(';').map(str::trim);
            let gzip = words.next() == Some("gzip");
            let weight = words.find_map(|word| word.strip_prefix("q=")?.parse::<f64>().ok());
            gzip && (weight != Some(0.0) || self.has(Fault::IgnoresWeightZero))
        })
    }

    fn database(&self, request: &Request) -> Vec<u8> {
        let (min, max) = if self.has(Fault::DatabaseIgnoresRange) {
            (0.0, 1e9)
        } else {
            (
                parameter(request, "min").unwrap_or(10.0),
                parameter(request, "max").unwrap_or(50.0),
            )
        };
        let list = rows(&self.folder.join("benchmark.db"), min, max).unwrap_or_default();
        self.json(request, &json!({ "items": list, "count": list.len() }))
    }
}

fn read(path: &Path) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn parameter(request: &Request, name: &str) -> Option<f64> {
    request
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.parse().ok())
}

fn rows(path: &Path, min: f64, max: f64) -> rusqlite::Result<Vec<Value>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut select = connection.prepare(
        "SELECT id, name, category, price, quantity, active, tags, rating_score, rating_count \
         FROM items WHERE price BETWEEN ?1 AND ?2 LIMIT 50",
    )?;
    let rows = select.query_map(params![min, max], |row| {
        let tags: String = row.get(6)?;
        Ok(json!({
            "id": row.get::<_, i64>(0)?,
            "name": row.get::<_, String>(1)?,
            "category": row.get::<_, String>(2)?,
            "price": row.get::<_, f64>(3)?,
            "quantity": row.get::<_, i64>(4)?,
            "active": row.get::<_, i64>(5)? == 1,
            "tags": serde_json::from_str::<Value>(&tags).unwrap_or(Value::Null),
            "rating": { "score": row.get::<_, f64>(7)?, "count": row.get::<_, i64>(8)? },
        }))
    })?;
    rows.collect()
}
