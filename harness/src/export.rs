//! `harness export-arena`: the entry sws as a folder that needs nothing of this
//! repository, in a checkout of HttpArena.

mod manifest;
mod meta;
mod place;

use crate::cleanup::TempFolder;
use crate::error::{Context, Error};
use clap::Args;
use meta::Meta;
use place::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the server is made of; the last is the program.
const CRATES: [&str; 4] = ["sws-ring", "sws-proto", "sws", "server"];

/// Files beside the crates: where they come from, and their name.
const FILES: [(&str, &str); 4] = [
    ("Dockerfile", "Dockerfile"),
    ("LICENSE", "LICENSE"),
    ("scripts/arena/README.md", "README.md"),
    ("scripts/arena/run.sh", "run.sh"),
];

/// Where to, and what only the submitter knows.
#[derive(Debug, Args)]
pub struct Options {
    /// The checkout of HttpArena; the entry goes to its frameworks/sws.
    #[arg(value_name = "DIR")]
    checkout: PathBuf,
    /// meta.json's link to the sources. [default: that of an earlier export]
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// A GitHub user name for meta.json's maintainers; may be repeated.
    /// [default: those of an earlier export]
    #[arg(long = "maintainer", value_name = "NAME")]
    maintainers: Vec<String>,
}

/// Writes the folder and says what to do next.
///
/// # Errors
/// A usage error when the folder is no checkout or holds files that are not
/// ours; otherwise what could not be read, written or resolved.
pub fn run(root: &Path, options: &Options) -> Result<(), Error> {
    let checkout = checkout(&options.checkout)?;
    let place = Place::look(&checkout.join("frameworks/sws"))?;
    let mut meta = Meta::read(&root.join("meta.json"))?;
    meta.complete(options.repo.as_deref(), &options.maintainers, place.meta());
    let known = known_profiles(&checkout)?;
    let dropped = meta.keep_only(&known);

    let folder = TempFolder::new("export")?;
    assemble(root, folder.path())?;
    meta.write(&folder.path().join("meta.json"))?;
    prune_lock(folder.path())?;
    let written = place.replace_with(folder.path())?;

    println!("wrote {written} files to {}", place.folder().display());
    if !dropped.is_empty() {
        println!(
            "left out of meta.json, because this checkout has no such profile: {}",
            dropped.join(", ")
        );
    }
    print!("{}", next_steps(&checkout, place.folder(), &meta));
    Ok(())
}

/// A folder with what every version of the arena has.
fn checkout(folder: &Path) -> Result<PathBuf, Error> {
    for needed in ["frameworks", "scripts/validate.sh", "scripts/benchmark.sh"] {
        if !folder.join(needed).exists() {
            return Err(Error::usage(format!(
                "{} is no HttpArena checkout: it has no {needed}; clone \
                 https://github.com/MDA2AV/HttpArena and give its folder",
                folder.display()
            )));
        }
    }
    folder
        .canonicalize()
        .context(|| format!("find {}", folder.display()))
}

/// The profiles that the checkout's scripts know: entries of a bash table, in
/// the driver of 2026-03 or the library of 2026-04.
fn known_profiles(checkout: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for file in ["scripts/lib/profiles.sh", "scripts/benchmark.sh"] {
        let path = checkout.join(file);
        if path.is_file() {
            let text = fs::read_to_string(&path).context(|| format!("read {}", path.display()))?;
            names.extend(text.lines().filter_map(table_key).map(str::to_owned));
        }
    }
    if names.is_empty() {
        return Err(Error::usage(format!(
            "no profile is declared in {}/scripts/lib/profiles.sh or benchmark.sh as [name]=\"...\": \
             this version of HttpArena is not known",
            checkout.display()
        )));
    }
    Ok(names)
}

/// `[name]="1|0|..."`.
fn table_key(line: &str) -> Option<&str> {
    let (name, value) = line.trim().strip_prefix('[')?.split_once("]=\"")?;
    value.contains('|').then_some(name)
}

fn assemble(root: &Path, folder: &Path) -> Result<(), Error> {
    let mut needed = Vec::new();
    for name in CRATES {
        let text = read(&root.join(name).join("Cargo.toml"))?;
        let text = manifest::of_crate(&text);
        needed.extend(manifest::inherited(&text));
        write(&folder.join(name).join("Cargo.toml"), &text)?;
        copy_tree(&root.join(name).join("src"), &folder.join(name).join("src"))?;
    }
    let workspace = read(&root.join("Cargo.toml"))?;
    write(
        &folder.join("Cargo.toml"),
        &manifest::of_workspace(&workspace, &CRATES, &needed),
    )?;
    write(&folder.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;
    write(
        &folder.join(".dockerignore"),
        "target\nEXPORTED.sha256\nREADME.md\nmeta.json\nrun.sh\n",
    )?;
    for (from, to) in FILES {
        copy(&root.join(from), &folder.join(to))?;
    }
    Ok(())
}

/// Takes the packages that only the rest of this repository needs out of the
/// lock file; the others keep their versions.
fn prune_lock(folder: &Path) -> Result<(), Error> {
    let update = |offline: &[&str]| {
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["update", "--workspace", "--quiet", "--manifest-path"])
            .arg(folder.join("Cargo.toml"))
            .args(offline)
            .stdin(Stdio::null())
            .output()
            .context(|| "start cargo".into())
    };
    // A machine that has built the entry has all it takes.
    if update(&["--offline"])?.status.success() {
        return Ok(());
    }
    let output = update(&[])?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::environment(format!(
        "cargo cannot make the lock file of the exported folder: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

fn next_steps(checkout: &Path, folder: &Path, meta: &Meta) -> String {
    let (checkout, folder) = (checkout.display(), folder.display());
    let mut steps = Vec::new();
    if meta.is_anonymous() {
        steps.push(
            "say who keeps it, and where the sources are: run this again with --maintainer NAME and --repo URL"
                .to_owned(),
        );
    }
    steps.push(format!(
        "check it:     ./validate.sh {folder}, and with Docker: cd {checkout} && ./scripts/validate.sh sws"
    ));
    steps.push(format!(
        "measure it:   cd {checkout} && ./scripts/benchmark.sh sws"
    ));
    steps.push(format!(
        "submit it:    cd {checkout} && git switch -c sws && git add frameworks/sws && git commit -m 'Add sws', \
         then push to your fork and open a pull request; the comment `/benchmark -f sws` asks for a run"
    ));
    let mut text = String::from("next:\n");
    for (index, step) in steps.iter().enumerate() {
        text += &format!("  {}. {step}\n", index + 1);
    }
    text
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).context(|| format!("read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    parent(path)?;
    fs::write(path, text).context(|| format!("write {}", path.display()))
}

/// With its mode, so that scripts stay executable.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    parent(to)?;
    fs::copy(from, to)
        .map(drop)
        .context(|| format!("copy {} to {}", from.display(), to.display()))
}

fn parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) => {
            fs::create_dir_all(parent).context(|| format!("create {}", parent.display()))
        }
        None => Ok(()),
    }
}

/// Regular files, without those that editors leave.
fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    for path in place::files(from)? {
        let name = path.to_string_lossy();
        if !name.ends_with('~') && !name.split('/').any(|part| part.starts_with('.')) {
            copy(&from.join(&path), &to.join(&path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_both_generations_are_found() {
        assert_eq!(
            table_key(r#"    [json-comp]="1|0|0-31|512|json-compressed""#),
            Some("json-comp")
        );
        assert_eq!(table_key(r#"[baseline]="1|0||512|""#), Some("baseline"));
        assert_eq!(table_key(r#"[json]="a note""#), None);
        assert_eq!(table_key("# [json] is a profile"), None);
    }
}
