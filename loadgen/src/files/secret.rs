//! The command line as files may have it: they are passed on to others, who need no passwords.

use clap::ArgMatches;

/// What stands in the place of a secret.
const MASK: &str = "***";
/// Fields whose values are secrets.
const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// These arguments without the secrets that `matches` found in them.
pub(super) fn without(args: impl Iterator<Item = String>, matches: &ArgMatches) -> Vec<String> {
    let given = |id: &str| {
        let values = matches.try_get_many::<String>(id).ok().flatten();
        values.into_iter().flatten()
    };
    let auth = given("auth").filter_map(|value| Some((value, value.split_once(':')?.0)));
    let headers = given("headers").filter_map(|value| Some((value, value.split_once(':')?.0)));
    let headers = headers.filter(|(_, name)| SECRET.iter().any(|s| s.eq_ignore_ascii_case(name)));
    let secrets: Vec<(&String, String)> = auth
        .map(|(value, user)| (value, format!("{user}:{MASK}")))
        .chain(headers.map(|(value, name)| (value, format!("{name}: {MASK}"))))
        .collect();
    args.map(|arg| {
        let masked = secrets.iter().find_map(|(value, mask)| {
            // Alone, or behind its flag: -aUSER:PASSWORD, --auth=USER:PASSWORD.
            let flag = arg.strip_suffix(value.as_str())?;
            (flag.is_empty() || flag.starts_with('-')).then(|| format!("{flag}{mask}"))
        });
        masked.unwrap_or(arg)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::CommandFactory;

    #[test]
    fn passwords_are_left_out_wherever_they_stand() {
        for (line, masked) in [
            ("-a u:p:w", "-a u:***"),
            ("-kau:pw", "-kau:***"),
            ("--auth=u:pw", "--auth=u:***"),
            ("--auth u: -H a:b", "--auth u:*** -H a:b"),
            (
                "-H cookie:x -HAuthorization:y -H A:x",
                "-H cookie: *** -HAuthorization: *** -H A:x",
            ),
        ] {
            let words: Vec<&str> = "loadgen http://h"
                .split(' ')
                .chain(line.split(' '))
                .collect();
            let matches = Args::command().try_get_matches_from(&words).unwrap();
            let argv = without(words.iter().map(ToString::to_string), &matches);
            assert_eq!(argv[2..].join(" "), masked);
        }
    }
}
