//! The profile table: one row per profile and generation, and everything that
//! the other modules need to know about it.

use std::fmt;

/// A version of the arena: its data, requests and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// 2026-03: fractional prices, `/json`, `/compression`, `/db`.
    March2026,
    /// 2026-04: whole prices, `/json/{count}?m=`.
    April2026,
}

impl Generation {
    /// Oldest first.
    pub const ALL: [Self; 2] = [Self::March2026, Self::April2026];

    /// As it is written in folders and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::March2026 => "2026-03",
            Self::April2026 => "2026-04",
        }
    }

    /// The inverse of [`Generation::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|generation| generation.name() == name)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What is checked about an entry that lists a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named after the profiles")]
pub enum Area {
    Baseline,
    LimitedConn,
    Pipelined,
    Json,
    JsonComp,
    Upload,
    Compression,
    Mixed,
    Noisy,
    EchoWs,
}

/// What the load generator sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A plain GET of this path.
    Url(&'static str),
    /// Template files of the generation's `requests` folder, in this order.
    Raw(&'static [&'static str]),
    /// Text messages over WebSocket connections to this path.
    WebSocket(&'static str),
}

/// One row of the table.
#[derive(Debug)]
pub struct Profile {
    /// The name in `meta.json`, on the command line and in result paths.
    pub name: &'static str,
    /// The generation whose rules the row follows.
    pub generation: Generation,
    /// The checks that belong to it.
    pub area: Area,
    /// The requests of its benchmark.
    pub load: Load,
    /// Requests or messages in flight per connection.
    pub pipeline: u32,
    /// Requests per connection before it is replaced; 0 keeps it for good.
    pub requests_per_connection: u32,
    /// Seconds per run in the arena.
    pub duration_secs: u32,
    /// Connection counts in the arena, on its 128 hardware threads.
    pub arena_connections: &'static [u32],
    /// Connection counts that suit two cores; the last is the heaviest.
    pub local_connections: &'static [u32],
    /// The one count of a quick run.
    pub quick_connections: u32,
    /// Left out of a quick run of all profiles when time is short: others of
    /// them load the same parts of a server.
    pub quick_spares: bool,
    /// Answers other than 2xx, and closed connections, belong to the load.
    pub expects_errors: bool,
    /// How templates add up in the result file: field and template count, in
    /// template order. Empty when the profile reports no split.
    pub split: &'static [(&'static str, usize)],
}

const LIGHT: &[u32] = &[64, 512, 4096];
const SUM_TEMPLATES: Load = Load::Raw(&["get", "post_cl", "post_chunked"]);

/// The defaults that most rows share.
const ROW: Profile = Profile {
    name: "",
    generation: Generation::March2026,
    area: Area::Baseline,
    load: SUM_TEMPLATES,
    pipeline: 1,
    requests_per_connection: 0,
    duration_secs: 5,
    arena_connections: &[512, 4096],
    local_connections: LIGHT,
    quick_connections: 512,
    quick_spares: false,
    expects_errors: false,
    split: &[],
};

/// Every profile that the harness knows, in the order in which it runs them.
pub const TABLE: &[Profile] = &[
    Profile {
        name: "baseline",
        arena_connections: &[512, 4096, 16384],
        ..ROW
    },
    Profile {
        name: "pipelined",
        area: Area::Pipelined,
        load: Load::Url("/pipeline"),
        pipeline: 16,
        arena_connections: &[512, 4096, 16384],
        ..ROW
    },
    Profile {
        name: "limited-conn",
        area: Area::LimitedConn,
        requests_per_connection: 10,
        ..ROW
    },
    Profile {
        name: "json",
        area: Area::Json,
        load: Load::Url("/json"),
        arena_connections: &[4096, 16384],
        ..ROW
    },
    Profile {
        name: "upload",
        area: Area::Upload,
        load: Load::Raw(&["upload"]),
        arena_connections: &[64, 256, 512],
        local_connections: &[8, 64],
        quick_connections: 16,
        ..ROW
    },
    Profile {
        name: "compression",
        quick_spares: true,
        area: Area::Compression,
        load: Load::Raw(&["json-gzip"]),
        arena_connections: &[4096, 16384],
        local_connections: &[16, 64],
        quick_connections: 16,
        ..ROW
    },
    Profile {
        name: "mixed",
        quick_spares: true,
        area: Area::Mixed,
        load: Load::Raw(&[
            "get",
            "get",
            "get",
            "post_cl",
            "post_cl",
            "json-get",
            "db-get",
            "upload-small",
            "json-gzip",
            "json-gzip",
        ]),
        requests_per_connection: 5,
        arena_connections: &[4096, 16384],
        local_connections: &[64, 256],
        quick_connections: 64,
        split: &[
            ("tpl_baseline", 5),
            ("tpl_json", 1),
            ("tpl_db", 1),
            ("tpl_upload", 1),
            ("tpl_compression", 2),
        ],
        ..ROW
    },
    Profile {
        name: "noisy",
        quick_spares: true,
        area: Area::Noisy,
        load: Load::Raw(&[
            "get",
            "post_cl",
            "noise-badpath",
            "noise-badcl",
            "noise-binary",
        ]),
        arena_connections: &[512, 4096, 16384],
        expects_errors: true,
        ..ROW
    },
    Profile {
        name: "echo-ws",
        area: Area::EchoWs,
        load: Load::WebSocket("/ws"),
        pipeline: 16,
        arena_connections: &[512, 4096, 16384],
        ..ROW
    },
    Profile {
        name: "baseline",
        generation: Generation::April2026,
        ..ROW
    },
    Profile {
        name: "pipelined",
        generation: Generation::April2026,
        area: Area::Pipelined,
        load: Load::Url("/pipeline"),
        pipeline: 16,
        ..ROW
    },
    Profile {
        name: "limited-conn",
        generation: Generation::April2026,
        area: Area::LimitedConn,
        requests_per_connection: 10,
        ..ROW
    },
    Profile {
        name: "json",
        generation: Generation::April2026,
        area: Area::Json,
        load: Load::Raw(&[
            "json-1", "json-5", "json-10", "json-15", "json-25", "json-40", "json-50",
        ]),
        requests_per_connection: 25,
        arena_connections: &[4096],
        ..ROW
    },
    Profile {
        name: "json-comp",
        generation: Generation::April2026,
        area: Area::JsonComp,
        load: Load::Raw(&["json-gzip-25", "json-gzip-40", "json-gzip-50"]),
        requests_per_connection: 25,
        arena_connections: &[512, 4096, 16384],
        ..ROW
    },
    Profile {
        name: "upload",
        generation: Generation::April2026,
        area: Area::Upload,
        load: Load::Raw(&["upload-500k", "upload-2m", "upload-10m", "upload-20m"]),
        requests_per_connection: 5,
        arena_connections: &[32, 256],
        local_connections: &[8, 64],
        quick_connections: 16,
        ..ROW
    },
    Profile {
        name: "echo-ws",
        generation: Generation::April2026,
        area: Area::EchoWs,
        load: Load::WebSocket("/ws"),
        arena_connections: &[512, 4096, 16384],
        ..ROW
    },
];

/// The row of a profile in one generation.
pub fn find(name: &str, generation: Generation) -> Option<&'static Profile> {
    TABLE
        .iter()
        .find(|profile| profile.name == name && profile.generation == generation)
}

/// Every profile name once, in table order.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for profile in TABLE {
        if !names.contains(&profile.name) {
            names.push(profile.name);
        }
    }
    names
}

/// The rows of one profile name, oldest generation first.
pub fn rows(name: &str) -> impl Iterator<Item = &'static Profile> {
    TABLE.iter().filter(move |profile| profile.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::requests;
    use crate::rng::Rng;

    #[test]
    fn rows_are_unique() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE[index + 1..]
                    .iter()
                    .all(|other| (other.name, other.generation) != (row.name, row.generation)),
                "{} {} twice",
                row.name,
                row.generation
            );
        }
    }

    #[test]
    fn every_template_is_generated() {
        for row in TABLE {
            let Load::Raw(stems) = row.load else { continue };
            let files = requests::templates(row.generation, &mut Rng::new(1));
            for stem in stems {
                let name = format!("{stem}.raw");
                assert!(
                    files.iter().any(|(file, _)| *file == name),
                    "{}: {name}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn numbers_are_sane() {
        for row in TABLE {
            assert!(row.pipeline >= 1 && row.pipeline <= 64, "{}", row.name);
            assert!(row.duration_secs >= 1);
            for counts in [row.arena_connections, row.local_connections] {
                assert!(!counts.is_empty() && counts.is_sorted(), "{}", row.name);
            }
            if let Load::Url(path) | Load::WebSocket(path) = row.load {
                assert!(path.starts_with('/'));
            }
        }
    }

    #[test]
    fn a_split_covers_every_template() {
        for row in TABLE.iter().filter(|row| !row.split.is_empty()) {
            let Load::Raw(stems) = row.load else {
                panic!("{} has no templates", row.name)
            };
            let covered: usize = row.split.iter().map(|(_, count)| count).sum();
            assert_eq!(covered, stems.len(), "{}", row.name);
        }
    }

    #[test]
    fn generation_names_round_trip() {
        for generation in Generation::ALL {
            assert_eq!(Generation::named(generation.name()), Some(generation));
        }
        assert_eq!(Generation::named("2025-01"), None);
    }
}
