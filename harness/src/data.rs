//! Generated data: datasets, the SQLite file and request templates. One
//! deterministic command makes all of it, once.

pub mod database;
pub mod items;
pub mod requests;

use crate::error::{Context, Error};
use crate::profiles::Generation;
use crate::rng::Rng;
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Raised with every change of what is generated, so that older folders are
/// made anew.
const VERSION: u32 = 1;
const SEED: u64 = 42;
const STAMP: &str = "stamp.txt";

/// The folder of one generation inside the data folder.
pub fn folder(data: &Path, generation: Generation) -> PathBuf {
    data.join(generation.name())
}

/// Whether [`generate`] had work to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The folder was complete.
    Found,
    /// The folder was missing, incomplete or of an older version.
    Generated,
}

/// Makes sure that `data` holds everything. Safe to call from two processes at
/// once: each builds a folder of its own beside `data` and the first rename wins.
///
/// # Errors
/// When a file cannot be written.
pub fn generate(data: &Path) -> Result<Made, Error> {
    if is_complete(data) {
        return Ok(Made::Found);
    }
    let process = std::process::id();
    let building = sibling(data, &format!("building-{process}"));
    remove(&building)?;
    write_all(&building)?;
    if data.exists() {
        let old = sibling(data, &format!("old-{process}"));
        remove(&old)?;
        // Another process may have put its finished folder there meanwhile.
        if fs::rename(data, &old).is_ok() {
            remove(&old)?;
        }
    }
    match fs::rename(&building, data) {
        Ok(()) => Ok(Made::Generated),
        Err(_) if is_complete(data) => remove(&building).map(|()| Made::Found),
        Err(error) => {
            remove(&building)?;
            Err(Error::environment(format!(
                "cannot move {} into place: {error}",
                data.display()
            )))
        }
    }
}

/// Whether every file that the stamp names is there with its size.
pub fn is_complete(data: &Path) -> bool {
    let Ok(stamp) = fs::read_to_string(data.join(STAMP)) else {
        return false;
    };
    let mut lines = stamp.lines();
    lines.next() == Some(first_line().as_str())
        && lines.all(|line| {
            line.split_once(' ').is_some_and(|(size, file)| {
                fs::metadata(data.join(file))
                    .is_ok_and(|found| Some(found.len()) == size.parse().ok())
            })
        })
}

fn first_line() -> String {
    format!("generator version {VERSION}")
}

fn sibling(data: &Path, suffix: &str) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(suffix);
    data.with_file_name(name)
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::environment(
            format!("cannot remove {}: {error}", folder.display()),
        )),
        _ => Ok(()),
    }
}

fn write_all(root: &Path) -> Result<(), Error> {
    let mut written = Written {
        root,
        stamp: first_line() + "\n",
    };
    for generation in Generation::ALL {
        let name = generation.name();
        let mut rng = Rng::stream(SEED, name);
        for (file, bytes) in requests::templates(generation, &mut rng) {
            written.file(&format!("{name}/requests/{file}"), &bytes)?;
        }
        match generation {
            Generation::March2026 => {
                let dataset = pretty(&items::float_dataset())?;
                written.file(&format!("{name}/dataset.json"), dataset.as_bytes())?;
                let large = one_line(&items::large_dataset(&mut Rng::stream(SEED, "large")))?;
                written.file(&format!("{name}/dataset-large.json"), large.as_bytes())?;
                let database = root.join(name).join("benchmark.db");
                database::write(&database, &mut Rng::stream(SEED, "database"))?;
                written.listed(&format!("{name}/benchmark.db"))?;
            }
            Generation::April2026 => {
                let dataset = pretty(&items::int_dataset(&mut Rng::stream(SEED, "dataset")))?;
                written.file(&format!("{name}/dataset.json"), dataset.as_bytes())?;
            }
        }
    }
    fs::write(root.join(STAMP), &written.stamp).context(|| format!("write {STAMP}"))
}

/// Collects the stamp while files are written.
struct Written<'a> {
    root: &'a Path,
    stamp: String,
}

impl Written<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        write_file(&self.root.join(name), bytes)?;
        self.listed(name)
    }

    fn listed(&mut self, name: &str) -> Result<(), Error> {
        let path = self.root.join(name);
        let size = fs::metadata(&path)
            .context(|| format!("read {}", path.display()))?
            .len();
        let _ = writeln!(self.stamp, "{size} {name}");
        Ok(())
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).context(|| format!("create {}", folder.display()))?;
    }
    fs::write(path, bytes).context(|| format!("write {}", path.display()))
}

/// Indented by two, as the arena's `dataset.json` is.
fn pretty<T: Serialize>(items: &[T]) -> Result<String, Error> {
    serde_json::to_string_pretty(items).context(|| "serialise a dataset".into())
}

/// One line with a space after each comma and colon, as `dataset-large.json` is.
fn one_line<T: Serialize>(items: &[T]) -> Result<String, Error> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Spaced);
    items
        .serialize(&mut serializer)
        .context(|| "serialise a dataset".into())?;
    String::from_utf8(text).context(|| "serialise a dataset".into())
}

struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

fn separate(writer: &mut (impl std::io::Write + ?Sized), first: bool) -> std::io::Result<()> {
    if first {
        Ok(())
    } else {
        writer.write_all(b", ")
    }
}

/// Writes a data folder for one validation run into `folder`: the usual shapes
/// with values that nobody can have known before.
///
/// # Errors
/// When a file cannot be written.
pub fn write_altered(folder: &Path, generation: Generation, seed: u64) -> Result<(), Error> {
    let mut rng = Rng::stream(seed, generation.name());
    // Never creates the folder: a signal may have removed it for good.
    let write_file = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).context(|| format!("write {}", path.display()))
    };
    match generation {
        Generation::March2026 => {
            let dataset = pretty(&items::altered_float_dataset(&mut rng))?;
            write_file(&folder.join("dataset.json"), dataset.as_bytes())?;
            let large = one_line(&items::altered_large_dataset(&mut rng))?;
            write_file(&folder.join("dataset-large.json"), large.as_bytes())?;
            database::write(&folder.join("benchmark.db"), &mut rng)
        }
        Generation::April2026 => {
            let dataset = pretty(&items::altered_int_dataset(&mut rng))?;
            write_file(&folder.join("dataset.json"), dataset.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_float_dataset_has_the_arenas_size_and_layout() {
        let text = pretty(&items::float_dataset()).unwrap();
        assert_eq!(text.len(), 12_357);
        assert!(text.starts_with("[\n  {\n    \"id\": 1,\n    \"name\": \"Alpha Widget\",\n"));
        assert!(text.contains("\"price\": 5.0,\n"));
    }

    #[test]
    fn the_large_dataset_is_one_spaced_line() {
        let text = one_line(&items::large_dataset(&mut Rng::new(1))).unwrap();
        assert!(text.starts_with("[{\"id\": 1, \"name\": \"Product 00001\", \"category\": "));
        assert!(!text.contains('\n'));
        assert!(
            (1_100_000..1_150_000).contains(&text.len()),
            "{}",
            text.len()
        );
    }

    #[test]
    fn a_second_call_finds_the_folder_complete_and_a_missing_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        assert_eq!(generate(&data).unwrap(), Made::Generated);
        assert_eq!(generate(&data).unwrap(), Made::Found);
        let template = data.join("2026-04/requests/get.raw");
        let first = fs::read(&template).unwrap();
        fs::write(&template, b"short").unwrap();
        assert!(!is_complete(&data));
        assert_eq!(generate(&data).unwrap(), Made::Generated);
        assert_eq!(fs::read(&template).unwrap(), first);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "leftovers beside data"
        );
    }

    #[test]
    fn two_generations_of_the_data_are_identical() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        generate(&one).unwrap();
        generate(&two).unwrap();
        let stamp = fs::read_to_string(one.join(STAMP)).unwrap();
        for line in stamp.lines().skip(1) {
            let (_, file) = line.split_once(' ').unwrap();
            assert_eq!(
                fs::read(one.join(file)).unwrap(),
                fs::read(two.join(file)).unwrap(),
                "{file}"
            );
        }
    }

    #[test]
    fn altered_data_depends_on_the_seed() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        assert!(write_altered(&one, Generation::April2026, 1).is_err());
        assert!(!one.exists());
        for path in [&one, &two] {
            fs::create_dir(path).unwrap();
        }
        write_altered(&one, Generation::April2026, 1).unwrap();
        write_altered(&two, Generation::April2026, 2).unwrap();
        let read = |folder: &Path| fs::read(folder.join("dataset.json")).unwrap();
        assert_ne!(read(&one), read(&two));
    }
}
