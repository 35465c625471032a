//! What is made of saved results: tables in Markdown, and the page that people
//! look at.

mod chart;
mod figures;
mod html;
mod markdown;
mod read;
mod records;
mod saved;

use crate::error::{Context, Error};
use saved::Saved;
use std::fs;
use std::path::{Path, PathBuf};

/// Between these two lines `harness readme` writes.
const BEGIN: &str = "<!-- results: `scripts/harness.sh readme` writes what follows -->";
const END: &str = "<!-- end of results -->";

/// Prints the results as Markdown.
///
/// # Errors
/// When there is no result.
pub fn print_table(root: &Path) -> Result<(), Error> {
    print!("{}", markdown::summary(&some(root)?));
    Ok(())
}

/// Where [`write_page`] usually writes.
pub fn page_path(root: &Path) -> PathBuf {
    root.join("results/index.html")
}

/// Writes the page with all saved results.
///
/// # Errors
/// When there is no result, or the page cannot be written.
pub fn write_page(root: &Path, file: &Path) -> Result<(), Error> {
    let page = html::page(&some(root)?);
    fs::write(file, page).context(|| format!("write {}", file.display()))?;
    Ok(())
}

/// Puts the results between the two marks of a Markdown file.
///
/// # Errors
/// When there are no results, or the file lacks the marks.
pub fn update_readme(root: &Path, file: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(file).context(|| format!("read {}", file.display()))?;
    let new = between_marks(&text, &markdown::summary(&some(root)?)).ok_or_else(|| {
        Error::usage(format!(
            "{} needs these two lines, in this order, where the results are to go:\n{BEGIN}\n{END}",
            file.display()
        ))
    })?;
    if new == text {
        println!("{} is up to date", file.display());
        return Ok(());
    }
    fs::write(file, new).context(|| format!("write {}", file.display()))?;
    println!("updated {}", file.display());
    Ok(())
}

fn some(root: &Path) -> Result<Saved, Error> {
    let folder = root.join("results");
    let (saved, left_out) = Saved::read(&folder);
    for line in left_out {
        eprintln!("left out: {line}");
    }
    if saved.cells.is_empty() {
        return Err(Error::usage(format!(
            "there are no results in {}: ./benchmark.sh makes them",
            folder.display()
        )));
    }
    Ok(saved)
}

/// The text with `content` between the marks; `None` without them.
fn between_marks(text: &str, content: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n\n{}\n\n{END}{after}",
        content.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("# a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between_marks(&text, "| x |\n").unwrap();
        assert_eq!(new, format!("# a\n{BEGIN}\n\n| x |\n\n{END}\nb\n"));
        assert_eq!(between_marks(&new, "| x |\n").unwrap(), new);
        assert_eq!(between_marks("# a\n", "x"), None);
        assert!(between_marks(include_str!("../../README.md"), "x").is_some());
        assert_eq!(between_marks(&format!("{END}\n{BEGIN}\n"), "x"), None);
    }
}
