//! Lists of requests: URLs, or targets in the format that vegeta reads.

use crate::{args::Requests, error::Failure, route::Route, target::Target, template::Form};
use std::{fs, path::PathBuf};

/// Requests of a file, in its order.
#[derive(Debug)]
pub(super) struct Listed {
    flag: &'static str,
    file: String,
    entries: Vec<Entry>,
}

/// One request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    /// Where in the file it begins.
    line: usize,
    /// In a list of targets.
    method: Option<String>,
    url: String,
    fields: Vec<String>,
    body: Option<PathBuf>,
}

/// A request, and how reports call it.
#[derive(Debug)]
pub(super) struct Named {
    pub name: String,
    pub request: Vec<u8>,
}

/// The list that the flags name, if any.
pub(super) fn read(flags: &Requests) -> Result<Option<Listed>, Failure> {
    let (flag, path) = match (&flags.urls, &flags.targets) {
        (Some(path), _) => ("--urls", path),
        (None, Some(path)) => ("--targets", path),
        (None, None) => return Ok(None),
    };
    let file = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{flag}: cannot read {file}: {error}")))?;
    let entries = match flags.urls {
        Some(_) => urls(&text),
        None => {
            targets(&text).map_err(|error| Failure::Usage(format!("{flag}: {file}, {error}")))?
        }
    };
    if entries.is_empty() {
        return Err(Failure::Usage(format!("{flag}: {file} lists no request")));
    }
    Ok(Some(Listed {
        flag,
        file,
        entries,
    }))
}

/// A URL a line.
fn urls(text: &str) -> Vec<Entry> {
    lines(text)
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| Entry {
            line: number,
            url: line.into(),
            ..Entry::default()
        })
        .collect()
}

/// `METHOD URL`, then lines of fields, then perhaps `@FILE` for the body; an empty line or the next method ends it.
fn targets(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut is_open = false;
    for (number, line) in lines(text) {
        if line.is_empty() {
            is_open = false;
        } else if let Some((method, url)) = request_line(line) {
            is_open = true;
            entries.push(Entry {
                line: number,
                method: Some(method.into()),
                url: url.into(),
                ..Entry::default()
            });
        } else if is_open && let Some(entry) = entries.last_mut() {
            match line.strip_prefix('@') {
                Some(path) if entry.body.is_none() => entry.body = Some(path.into()),
                Some(_) => return Err(format!("line {number}: the request has a body already")),
                None => entry.fields.push(line.into()),
            }
        } else {
            return Err(format!(
                "line {number}: `{line}` begins no request; write it like GET http://localhost:8080/path"
            ));
        }
    }
    Ok(entries)
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once([' ', '\t'])?;
    let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    is_method.then(|| (method, url.trim()))
}

/// Lines that are no comments, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.starts_with('#'))
}

impl Listed {
    /// Every request with its name, and where to send them: to `base`, or where all of them want to go.
    pub(super) fn requests(
        self,
        base: Option<Target>,
        flags: &Requests,
        route: Route<'_>,
    ) -> Result<(Target, Vec<Named>), Failure> {
        let all_of_one = base.is_none();
        let mut target = base;
        let mut requests = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let at = |why: String| {
                Failure::Usage(format!(
                    "{}: {}, line {}: {why}",
                    self.flag, self.file, entry.line
                ))
            };
            let form = entry.form(flags).map_err(|error| at(error.to_string()))?;
            let place = match (&target, entry.url.starts_with('/')) {
                (Some(target), true) => target.with_path(&entry.url),
                (None, true) => Err(Failure::Usage(format!(
                    "`{}` names no host; write whole URLs, or give one on the command line",
                    entry.url
                ))),
                (_, false) => Target::split(&entry.url),
            }
            .map_err(|error| at(error.to_string()))?;
            let target = match &mut target {
                Some(target) => target,
                none => none.insert(Target::from_url(&entry.url, route)?),
            };
            if target.secure != place.secure {
                return Err(at(
                    "http and https cannot be mixed: all requests go to one server".into(),
                ));
            }
            if all_of_one && target.authority != place.authority {
                return Err(at(format!(
                    "`{}` is another host than `{}`, and all requests go to one; if that is right, give its URL on the \
                     command line",
                    place.authority, target.authority
                )));
            }
            let method = entry.method.iter().flat_map(|method| [method, " "]);
            let name = method.chain([place.path.as_str()]).collect();
            let request = form.request(&place.authority, &place.path);
            requests.push(Named { name, request });
        }
        target
            .map(|target| (target, requests))
            .ok_or_else(|| Failure::Usage(format!("{}: {} lists no request", self.flag, self.file)))
    }
}

impl Entry {
    /// What it says, and what the flags say for all.
    fn form(&self, flags: &Requests) -> Result<Form, Failure> {
        let name = |field: &str| {
            let name = field.split(':').next().unwrap_or_default();
            name.trim().to_ascii_lowercase()
        };
        let is_own = |field: &String| self.fields.iter().any(|own| name(own) == name(field));
        let mut form = flags.clone();
        form.headers.retain(|field| !is_own(field));
        form.headers.extend(self.fields.iter().cloned());
        if self.method.is_some() {
            form.method.clone_from(&self.method);
            form.body_file.clone_from(&self.body);
        }
        Form::new(&form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_lines() {
        let entries = urls("# all\nhttp://h/a\n\n  /b?c  \r\n");
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.line, entry.url.as_str()))
            .collect();
        assert_eq!(found, [(2, "http://h/a"), (4, "/b?c")]);
    }

    #[test]
    fn targets_have_fields_and_bodies() {
        let text =
            "GET http://h/a\nPOST http://h/b\nA: b\n# C: d\nE: f: g\n@some/file\n\nDELETE\t/c\n";
        let entries = targets(text).unwrap();
        let entry = |line, method: &str, url: &str| Entry {
            line,
            method: Some(method.into()),
            url: url.into(),
            ..Entry::default()
        };
        let post = Entry {
            fields: vec!["A: b".into(), "E: f: g".into()],
            body: Some("some/file".into()),
            ..entry(2, "POST", "http://h/b")
        };
        let expected = [
            entry(1, "GET", "http://h/a"),
            post,
            entry(8, "DELETE", "/c"),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn what_is_no_target_is_refused_with_its_line() {
        for (text, part) in [
            ("http://h/a", "line 1: `http://h/a` begins no request"),
            ("GET /a\n\nA: b", "line 3: `A: b`"),
            ("PUT /a\n@x\n@y", "line 3: the request has a body"),
        ] {
            let error = targets(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
