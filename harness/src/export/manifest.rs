//! Manifests of the exported folder, made from those of the repository by whole
//! sections and lines: cargo checks what comes of it when the lock file is made.

/// Sections that only tests, benchmarks and lints need.
const DROPPED: [&str; 6] = [
    "[dev-dependencies]",
    "[lints]",
    "[[bench]]",
    "[[example]]",
    "[[test]]",
    "[lints.",
];

/// A crate's manifest without what the exported folder does not hold.
pub(super) fn of_crate(text: &str) -> String {
    let is_kept =
        |section: &&Section<'_>| !DROPPED.iter().any(|head| section.head.starts_with(head));
    join(sections(text).iter().filter(is_kept))
}

/// The dependencies that a crate's manifest takes from its workspace.
pub(super) fn inherited(text: &str) -> Vec<String> {
    sections(text)
        .iter()
        .filter(|section| section.head.ends_with("dependencies]"))
        .flat_map(|section| &section.lines)
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim();
            match name.strip_suffix(".workspace") {
                Some(name) => Some(name),
                None => value.contains("workspace = true").then_some(name),
            }
        })
        .map(str::to_owned)
        .collect()
}

/// The workspace's manifest for these members and these dependencies.
pub(super) fn of_workspace(text: &str, members: &[&str], needed: &[String]) -> String {
    let members: Vec<String> = members.iter().map(|name| format!("{name:?}")).collect();
    let mut out = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n",
        members.join(", ")
    );
    for mut section in sections(text) {
        if section.head == "[workspace.dependencies]" {
            section.lines.retain(|line| {
                line.split_once('=')
                    .is_some_and(|(name, _)| needed.iter().any(|needed| needed == name.trim()))
            });
        }
        let kept = [
            "[workspace.package]",
            "[workspace.dependencies]",
            "[profile.release]",
        ];
        if kept.contains(&section.head) {
            out += "\n";
            out += &join(std::iter::once(&section));
        }
    }
    out
}

struct Section<'a> {
    head: &'a str,
    lines: Vec<&'a str>,
}

/// Without comments and empty lines.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut list: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if line.starts_with('[') {
            list.push(Section {
                head: line,
                lines: Vec::new(),
            });
        } else if let Some(section) = list.last_mut()
            && !line.is_empty()
            && !line.starts_with('#')
        {
            section.lines.push(line);
        }
    }
    list
}

fn join<'a, 'b: 'a>(sections: impl Iterator<Item = &'a Section<'b>>) -> String {
    let texts: Vec<String> = sections
        .map(|section| {
            let lines: String = section
                .lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect();
            format!("{}\n{lines}", section.head)
        })
        .collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATE: &str = "[package]\nname = \"x\"\n\n[[bench]]\nname = \"b\"\n\n[dependencies]\n# why\n\
        itoa.workspace = true\nserde_json = { workspace = true, features = [\"raw_value\"] }\n\
        flate2 = { version = \"1\" }\n\n[dev-dependencies]\nproptest.workspace = true\n\n[lints]\nworkspace = true\n";

    #[test]
    fn what_tests_need_is_left_out() {
        let text = of_crate(CRATE);
        assert_eq!(
            text,
            "[package]\nname = \"x\"\n\n[dependencies]\nitoa.workspace = true\n\
             serde_json = { workspace = true, features = [\"raw_value\"] }\nflate2 = { version = \"1\" }\n"
        );
        assert_eq!(inherited(&text), ["itoa", "serde_json"]);
        assert_eq!(inherited(CRATE), ["itoa", "serde_json", "proptest"]);
    }

    #[test]
    fn the_workspace_keeps_what_its_members_need() {
        let text = "[workspace]\nmembers = [\"x\", \"y\"]\n[workspace.package]\nedition = \"2024\"\n\
            [workspace.dependencies]\nitoa = \"1\"\nitoap = \"1\"\n[workspace.lints.rust]\nx = \"warn\"\n\
            [profile.release]\nlto = \"fat\"\n[profile.dev]\ndebug = 1\n";
        assert_eq!(
            of_workspace(text, &["x"], &["itoa".into()]),
            "[workspace]\nresolver = \"3\"\nmembers = [\"x\"]\n\n[workspace.package]\nedition = \"2024\"\n\n\
             [workspace.dependencies]\nitoa = \"1\"\n\n[profile.release]\nlto = \"fat\"\n"
        );
    }
}
