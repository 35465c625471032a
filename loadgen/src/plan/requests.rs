//! What is sent, and where to.

use super::lists::{self, Listed, Named};
use crate::{
    args::{ARENA_MESSAGE, Args, WsMode},
    error::Failure,
    rng::Rng,
    rotation::{Rotate, Rotation},
    route::Route,
    socket::Upgrade,
    split::Share,
    target::Target,
    template::{Feed, Form, Handshake, Setup, Template},
};
use std::{fs, path::Path, sync::Arc};

/// More templates than this are no templates but data, which is what feeds are for.
const TEMPLATES_MAX: usize = 1 << 16;

/// A histogram has some 200 KiB, and every thread has several for each template.
const HISTOGRAMS_MAX: usize = 256;

/// What the flags, and the files that they name, say about requests.
#[derive(Debug)]
pub(super) struct Requests {
    pub target: Target,
    /// At least one; with `upgrade` the one message.
    pub templates: Vec<Template>,
    pub rotation: Rotation,
    /// How connections become WebSocket connections, when they have to.
    pub upgrade: Option<Upgrade>,
}

impl Requests {
    /// Reads the files and resolves the target.
    pub(super) fn new(args: &Args, share: Share, seed: u64) -> Result<Self, Failure> {
        let feeds = feeds(args, share)?;
        let setup = Setup {
            depth: args.pipeline as usize,
            fix_length: args.request.fix_length,
            share,
            feeds: &feeds,
        };
        let requests = Self::of_args(args, &setup, seed)?;
        let count = requests.templates.len();
        if args.per_tpl_latency && count > HISTOGRAMS_MAX {
            return Err(Failure::Usage(format!(
                "--per-tpl-latency: there are {count} different requests, and histograms of {HISTOGRAMS_MAX} are the most"
            )));
        }
        for feed in &feeds {
            let is_used = |template: &Template| template.uses(feed);
            if !requests.templates.iter().any(is_used) {
                let name = feed.name();
                return Err(Failure::Usage(format!(
                    "--feed {name}: no request uses it; write {{{name}.{}}} where its values go",
                    feed.columns().first().map_or("", String::as_str)
                )));
            }
        }
        Ok(requests)
    }

    fn of_args(args: &Args, setup: &Setup<'_>, seed: u64) -> Result<Self, Failure> {
        let rotate = args.request.rotate;
        if args.files().next().is_some() {
            return from_files(args, setup, rotate.unwrap_or(Rotate::Conn));
        }
        if let Some(listed) = lists::read(&args.request)? {
            return from_list(args, listed, setup, rotate.unwrap_or(Rotate::Request));
        }
        let url = args.url.as_deref().ok_or_else(|| {
            Failure::Usage(
                "no target: give a URL such as http://localhost:8080/, or templates with --raw"
                    .into(),
            )
        })?;
        let target = Target::from_url(url, Route::new(args))?;
        match spoken(args, &target)? {
            Some(text) => {
                let handshake = handshake(args, &target, setup)?;
                let pushes = args.hold.ws_mode == Some(WsMode::Push);
                message(target, handshake, text, pushes, setup, seed)
            }
            None => from_flags(args, target, setup),
        }
    }

    fn of(
        target: Target,
        templates: Vec<Template>,
        rotate: Rotate,
        weights: &[u32],
    ) -> Result<Self, Failure> {
        if templates.len() > TEMPLATES_MAX {
            return Err(Failure::Usage(format!(
                "there are {} different requests, and {TEMPLATES_MAX} is the most; put what differs into a --feed",
                templates.len()
            )));
        }
        let rotation = Rotation::new(rotate, weights).ok_or_else(|| {
            Failure::Usage(
                "--raw: the weights behind @ have too little in common; use smaller numbers".into(),
            )
        })?;
        Ok(Self {
            target,
            templates,
            rotation,
            upgrade: None,
        })
    }
}

/// The message, when WebSocket is spoken: because of a flag, or because the URL says so.
fn spoken<'a>(args: &'a Args, target: &Target) -> Result<Option<&'a str>, Failure> {
    let message = args.message();
    if !target.websocket && message.is_none() {
        return Ok(None);
    }
    match args.only_for_http() {
        None => Ok(Some(message.unwrap_or(ARENA_MESSAGE))),
        Some(flag) => Err(Failure::Usage(format!(
            "{flag}: it is of no use with WebSocket; for HTTP write the URL with http or https, and no flag of --ws"
        ))),
    }
}

fn feeds(args: &Args, share: Share) -> Result<Vec<Arc<Feed>>, Failure> {
    let mut feeds: Vec<Arc<Feed>> = Vec::new();
    for flag in &args.request.feeds {
        if feeds.iter().any(|feed| feed.name() == flag.name) {
            return Err(Failure::Usage(format!(
                "--feed {}: there are two of that name",
                flag.name
            )));
        }
        feeds.push(Feed::read(flag, share)?.into());
    }
    Ok(feeds)
}

/// What connections ask for before they carry messages.
fn handshake(args: &Args, target: &Target, setup: &Setup<'_>) -> Result<Handshake, Failure> {
    let handshake = Form::new(&args.request)?.handshake(&target.authority, &target.path)?;
    let head = Template::new("-H".into(), &handshake.head, setup)?;
    if head.is_static() {
        Ok(handshake)
    } else {
        Err(Failure::Usage(
            "no placeholders can be in the opening handshake of WebSocket (the URL and -H): all connections send the same"
                .into(),
        ))
    }
}

fn message(
    target: Target,
    handshake: Handshake,
    text: &str,
    pushes: bool,
    setup: &Setup<'_>,
    seed: u64,
) -> Result<Requests, Failure> {
    let message = Template::message(target.path.clone(), text, setup)?;
    let upgrade = Upgrade::new(handshake, &message, pushes, &mut Rng::new(seed, u64::MAX));
    Ok(Requests {
        upgrade: Some(upgrade),
        ..Requests::of(target, vec![message], Rotate::Conn, &[1])?
    })
}

/// The one request of `-m`, `-H` and so on.
fn from_flags(args: &Args, target: Target, setup: &Setup<'_>) -> Result<Requests, Failure> {
    let form = Form::new(&args.request)?;
    let request = form.request(&target.authority, &target.path);
    let template = Template::new(target.path.clone(), &request, &setup.with_length())?;
    Requests::of(target, vec![template], Rotate::Conn, &[1])
}

fn from_files(args: &Args, setup: &Setup<'_>, rotate: Rotate) -> Result<Requests, Failure> {
    let route = Route::new(args);
    let url = args.url.as_deref();
    let mut target = url.map(|url| Target::from_url(url, route)).transpose()?;
    if let Some(target) = &target {
        spoken(args, target)?;
    }
    let mut templates = Vec::with_capacity(args.raw.len());
    let mut weights = Vec::with_capacity(args.raw.len());
    for path in args.files() {
        let (path, weight) = weight(path)?;
        let name = path.display().to_string();
        let request = fs::read(path)
            .map_err(|error| Failure::Usage(format!("cannot read the template {name}: {error}")))?;
        if target.is_none() {
            target = Some(Target::from_request(&request, &name, route)?);
        }
        templates.push(Template::new(name, &request, setup)?);
        weights.push(weight);
    }
    let target =
        target.ok_or_else(|| Failure::Usage("--raw: no template file was named".into()))?;
    Requests::of(target, templates, rotate, &weights)
}

/// A file of `--raw` and its weight, which stands behind an `@`.
fn weight(file: &Path) -> Result<(&Path, u32), Failure> {
    let split = file.to_str().and_then(|text| text.rsplit_once('@'));
    match split {
        Some((path, digits))
            if !path.is_empty()
                && !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let weight = digits.parse().ok().filter(|weight| *weight > 0);
            let weight = weight.ok_or_else(|| {
                Failure::Usage(format!(
                    "--raw {}: `{digits}` is no weight; it is a number from 1 to {}",
                    file.display(),
                    u32::MAX
                ))
            })?;
            Ok((Path::new(path), weight))
        }
        _ => Ok((file, 1)),
    }
}

/// What `--urls` or `--targets` lists. The URL of the command line, if there is one, says where to connect to.
fn from_list(
    args: &Args,
    listed: Listed,
    setup: &Setup<'_>,
    rotate: Rotate,
) -> Result<Requests, Failure> {
    let route = Route::new(args);
    let base = args.url.as_deref();
    let base = base.map(|url| Target::from_url(url, route)).transpose()?;
    if let Some(base) = &base {
        spoken(args, base)?;
    }
    let (target, requests) = listed.requests(base, &args.request, route)?;
    let setup = setup.with_length();
    let templates = requests
        .into_iter()
        .map(|Named { name, request }| Template::new(name, &request, &setup))
        .collect::<Result<Vec<_>, _>>()?;
    let weights = vec![1; templates.len()];
    Requests::of(target, templates, rotate, &weights)
}
