//! What a server printed while it was measured, where the arena's site looks for
//! it.

use super::cell::Cell;
use crate::error::{Context, Error};
use crate::launch::Server;
use crate::profiles::Generation;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::Path;

/// The scripts of 2026-03 cut a log that is longer ...
const BYTES_MAX: u64 = 10 << 20;
/// ... to so many lines; those of 2026-04 keep everything.
const LINES_KEPT: usize = 5000;

/// Writes `static/logs/<profile>/<connections>/<entry>.log` below `site`.
pub(super) fn save(server: &Server, cell: &Cell<'_>, site: &Path) -> Result<(), Error> {
    let path = cell.path(&site.join("static/logs")).with_extension("log");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).context(|| format!("create {}", folder.display()))?;
    }
    server.save_output(&path)?;
    if cell.profile.generation == Generation::March2026 {
        cut(&path, BYTES_MAX, LINES_KEPT).context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Leaves the last `lines` of a file that is longer than `bytes`. It may be far
/// larger than memory: a server that says a line per request.
fn cut(path: &Path, bytes: u64, lines: usize) -> io::Result<()> {
    if std::fs::metadata(path)?.len() <= bytes {
        return Ok(());
    }
    let all = skip_lines(&mut BufReader::new(File::open(path)?), usize::MAX)?;
    let mut from = BufReader::new(File::open(path)?);
    skip_lines(&mut from, all.saturating_sub(lines))?;
    let short = path.with_extension("log.part");
    let mut to = BufWriter::new(File::create(&short)?);
    io::copy(&mut from, &mut to)?;
    to.flush()?;
    std::fs::rename(short, path)
}

/// Reads so many lines, or as many as there are; says how many.
fn skip_lines(from: &mut impl BufRead, most: usize) -> io::Result<usize> {
    let mut count = 0;
    while count < most && from.skip_until(b'\n')? > 0 {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_logs_keep_their_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let text = "one\ntwo\nÿ three\nfour\n";
        std::fs::write(&path, text).unwrap();
        cut(&path, text.len() as u64, 2).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        cut(&path, text.len() as u64 - 1, 2).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ÿ three\nfour\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
