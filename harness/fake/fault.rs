//! The ways in which the server can be wrong.

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    AcceptsNoise,
    AnswersEarly,
    CachedJson,
    CaseSensitiveHeaders,
    ClosesAlways,
    CompressesUnasked,
    DatabaseIgnoresRange,
    DiesAtStart,
    DiesOnNoise,
    DropsSplitHead,
    EchoesContentLength,
    ForgetsLastHeader,
    HeadWithBody,
    HugeHead,
    IgnoresClose,
    IgnoresWeightZero,
    LimitsUploads,
    MissingItem,
    NoTotals,
    NotFoundIsOk,
    OffByOne,
    RemembersByUrl,
    ReversedPipeline,
    TwoAnswers,
    WrongStatus,
    WrongTotal,
    WrongType,
}

impl Fault {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "accepts-noise" => Self::AcceptsNoise,
            "answers-early" => Self::AnswersEarly,
            "cached-json" => Self::CachedJson,
            "case-sensitive-headers" => Self::CaseSensitiveHeaders,
            "closes-always" => Self::ClosesAlways,
            "compresses-unasked" => Self::CompressesUnasked,
            "database-ignores-range" => Self::DatabaseIgnoresRange,
            "dies-at-start" => Self::DiesAtStart,
            "dies-on-noise" => Self::DiesOnNoise,
            "drops-split-head" => Self::DropsSplitHead,
            "echoes-content-length" => Self::EchoesContentLength,
            "forgets-last-header" => Self::ForgetsLastHeader,
            "head-with-body" => Self::HeadWithBody,
            "huge-head" => Self::HugeHead,
            "ignores-close" => Self::IgnoresClose,
            "ignores-weight-zero" => Self::IgnoresWeightZero,
            "limits-uploads" => Self::LimitsUploads,
            "missing-item" => Self::MissingItem,
            "no-totals" => Self::NoTotals,
            "not-found-is-ok" => Self::NotFoundIsOk,
            "off-by-one" => Self::OffByOne,
            "remembers-by-url" => Self::RemembersByUrl,
            "reversed-pipeline" => Self::ReversedPipeline,
            "two-answers" => Self::TwoAnswers,
            "wrong-status" => Self::WrongStatus,
            "wrong-total" => Self::WrongTotal,
            "wrong-type" => Self::WrongType,
            _ => return None,
        })
    }
}
