//! What is sent, and where to.

use crate::{
    args::{ARENA_MESSAGE, Args, WsMode},
    error::Failure,
    rng::Rng,
    route::Route,
    socket::Upgrade,
    split::Share,
    target::Target,
    template::{Form, Setup, Template},
};
use std::fs;

/// What the flags, and the files that they name, say about requests.
#[derive(Debug)]
pub(super) struct Requests {
    pub target: Target,
    /// At least one; with `upgrade` the one message.
    pub templates: Vec<Template>,
    /// How connections become WebSocket connections, when they have to.
    pub upgrade: Option<Upgrade>,
}

impl Requests {
    /// Reads the files and resolves the target.
    pub(super) fn new(args: &Args, share: Share, seed: u64) -> Result<Self, Failure> {
        let setup = Setup {
            depth: args.pipeline as usize,
            fix_length: args.request.fix_length,
            share,
        };
        if args.files().next().is_some() {
            return from_files(args, &setup);
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
                let pushes = args.hold.ws_mode == Some(WsMode::Push);
                message(target, text, pushes, &setup, seed)
            }
            None => from_flags(args, target, &setup),
        }
    }

    fn of(target: Target, templates: Vec<Template>) -> Self {
        Self {
            target,
            templates,
            upgrade: None,
        }
    }
}

/// The message, when WebSocket is spoken: because of a flag, or because the URL says so.
fn spoken<'a>(args: &'a Args, target: &Target) -> Result<Option<&'a str>, Failure> {
    if !target.websocket {
        return Ok(args.message());
    }
    match args.only_for_http() {
        None => Ok(Some(args.message().unwrap_or(ARENA_MESSAGE))),
        Some(flag) => Err(Failure::Usage(format!(
            "{flag}: it is of no use with WebSocket; write the URL with http or https instead of ws or wss"
        ))),
    }
}

fn message(
    target: Target,
    text: &str,
    pushes: bool,
    setup: &Setup,
    seed: u64,
) -> Result<Requests, Failure> {
    let message = Template::message(target.path.clone(), text, setup)?;
    let upgrade = Upgrade::new(&target, &message, pushes, &mut Rng::new(seed, u64::MAX));
    Ok(Requests {
        upgrade: Some(upgrade),
        ..Requests::of(target, vec![message])
    })
}

/// The one request of `-m`, `-H` and so on.
fn from_flags(args: &Args, target: Target, setup: &Setup) -> Result<Requests, Failure> {
    let form = Form::new(&args.request)?;
    let request = form.request(&target.authority, &target.path);
    let setup = Setup {
        fix_length: true,
        ..*setup
    };
    let template = Template::new(target.path.clone(), &request, &setup)?;
    Ok(Requests::of(target, vec![template]))
}

fn from_files(args: &Args, setup: &Setup) -> Result<Requests, Failure> {
    let route = Route::new(args);
    let url = args.url.as_deref();
    let mut target = url.map(|url| Target::from_url(url, route)).transpose()?;
    if let Some(target) = &target {
        spoken(args, target)?;
    }
    let mut templates = Vec::with_capacity(args.raw.len());
    for path in args.files() {
        let name = path.display().to_string();
        let request = fs::read(path)
            .map_err(|error| Failure::Usage(format!("cannot read the template {name}: {error}")))?;
        if target.is_none() {
            target = Some(Target::from_request(&request, &name, route)?);
        }
        templates.push(Template::new(name, &request, setup)?);
    }
    target
        .map(|target| Requests::of(target, templates))
        .ok_or_else(|| Failure::Usage("--raw: no template file was named".into()))
}
