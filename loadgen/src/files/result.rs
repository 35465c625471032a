//! Result files, read again.

use crate::{error::Failure, histogram::Latencies, windows::Row};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The schema that this version writes.
pub(crate) const SCHEMA: &str = "loadgen/1";

/// One result. Members are looked up by JSON pointer, so what a later version adds does no harm.
#[derive(Clone, Debug)]
pub(crate) struct RunFile {
    pub path: PathBuf,
    pub value: Value,
}

impl RunFile {
    /// Reads a file; `-` is standard input.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let failure =
            |text: String| Failure::Usage(format!("cannot read {}: {text}", path.display()));
        let text = if path == Path::new("-") {
            io::read_to_string(io::stdin())
        } else {
            fs::read_to_string(path)
        };
        let text = text.map_err(|error| failure(error.to_string()))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| failure(format!("it is no JSON: {error}")))?;
        let file = Self {
            path: path.into(),
            value,
        };
        match file.text("/schema") {
            Some(SCHEMA) => Ok(file),
            Some(other) => Err(failure(format!("its schema is {other}, not {SCHEMA}"))),
            None => Err(failure(format!("it is no result ({SCHEMA})"))),
        }
    }

    /// A failure that names this file.
    pub(crate) fn refuse(&self, why: impl std::fmt::Display) -> Failure {
        Failure::Usage(format!("{}: {why}", self.path.display()))
    }

    /// The text at a pointer.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer)?.as_str()
    }

    /// The number at a pointer.
    pub(crate) fn number(&self, pointer: &str) -> Option<f64> {
        self.value.pointer(pointer)?.as_f64()
    }

    /// The count at a pointer.
    pub(crate) fn count(&self, pointer: &str) -> Option<u64> {
        self.value.pointer(pointer)?.as_u64()
    }

    /// The truth at a pointer.
    pub(crate) fn flag(&self, pointer: &str) -> Option<bool> {
        self.value.pointer(pointer)?.as_bool()
    }

    /// The texts in a list.
    pub(crate) fn texts(&self, pointer: &str) -> Vec<&str> {
        let list = self.value.pointer(pointer).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The histogram of the object at a pointer; `None` when there is no such object.
    pub(crate) fn latencies(&self, pointer: &str) -> Result<Option<Latencies>, Failure> {
        let Some(object) = self
            .value
            .pointer(pointer)
            .filter(|value| value.is_object())
        else {
            return Ok(None);
        };
        let text = object["hdr"].as_str();
        let text = text.ok_or_else(|| self.refuse(format!("{pointer} has no histogram")))?;
        Latencies::from_base64(text, object["mean"].as_u64().unwrap_or(0))
            .map(Some)
            .map_err(|error| self.refuse(format!("the histogram {pointer}: {error}")))
    }

    /// What counts as the latency of the run: response time where there is one.
    pub(crate) fn headline(&self) -> Result<Latencies, Failure> {
        if let Some(latencies) = self.latencies("/latency/response")? {
            return Ok(latencies);
        }
        self.latencies("/latency/service")?
            .ok_or_else(|| self.refuse("it has no latencies"))
    }

    /// The parts of the window.
    pub(crate) fn windows(&self) -> Result<Vec<Row>, Failure> {
        let rows = self.value.get("windows").cloned().unwrap_or(Value::Null);
        serde_json::from_value(rows).map_err(|error| self.refuse(format!("windows: {error}")))
    }

    /// Begin and end of the window, in nanoseconds since 1970.
    pub(crate) fn span(&self) -> Result<(u64, u64), Failure> {
        let start = self.count("/phases/start_unix_ns");
        let length = self.count("/phases/measure_ns");
        start
            .zip(length)
            .map(|(start, length)| (start, start.saturating_add(length)))
            .ok_or_else(|| self.refuse("it does not say when it was measured"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_result_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            RunFile::read(&path).unwrap_err().to_string()
        };
        for (text, part) in [
            ("{", "EOF"),
            ("{}", "no result"),
            ("[1]", "no result"),
            (r#"{"schema":"loadgen/2"}"#, "loadgen/2"),
        ] {
            let error = read(text);
            assert!(error.contains("x.json") && error.contains(part), "{error}");
        }
        assert!(RunFile::read(Path::new("/no/such")).is_err());
    }
}
