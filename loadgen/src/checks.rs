//! What answers must be beside their status and framing: fields of the head, and the body.

mod checker;
mod expected;
mod header;
mod progress;
mod sample;

pub(crate) use self::{
    checker::{Check, Checked, Checker, Fit},
    expected::Expected,
    header::HeaderRule,
    progress::Progress,
    sample::Validate,
};

use crate::{args, error::Failure, template::Template};
use sws_proto::http1::answer::RequestKind;

/// What a run checks.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// One for each template, or none at all.
    pub bodies: Vec<Option<Expected>>,
    pub headers: Vec<HeaderRule>,
    pub validate: Validate,
}

impl Checks {
    /// Reads the files that were named. `note` is called for what is worth knowing but no error.
    pub(crate) fn new(
        asked: &args::Checks,
        templates: &[Template],
        note: impl FnMut(String),
    ) -> Result<Self, Failure> {
        let mut bodies = expected::bodies(asked, templates, note)?;
        if bodies.is_empty() && asked.validate.is_some_and(|which| which != Validate::Off) {
            return Err(Failure::Usage(
                "--validate: nothing says what bodies must be; give --expect-body, --expect-size or --golden as well"
                    .into(),
            ));
        }
        for (body, template) in bodies.iter_mut().zip(templates) {
            // Answers to HEAD and CONNECT have no body.
            *body = body
                .take()
                .filter(|_| template.kind == RequestKind::Ordinary);
        }
        Ok(Self {
            bodies,
            headers: asked.expect_header.clone(),
            validate: asked.validate.unwrap_or_default(),
        })
    }

    /// Whether any body is looked at.
    pub(crate) fn look_at_bodies(&self) -> bool {
        !self.bodies.is_empty() && self.validate != Validate::Off
    }
}
