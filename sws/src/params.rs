//! What the parameters of a route's path stand for.

/// Borrowed from the path, or from where a request is kept.
pub(crate) enum Params<'a> {
    None,
    Matched(matchit::Params<'a, 'a>),
    Kept(&'a [(Box<str>, Box<str>)]),
}

impl Params<'_> {
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Matched(params) => params.get(name),
            Self::Kept(pairs) => pairs
                .iter()
                .find(|(key, _)| **key == *name)
                .map(|(_, value)| &**value),
        }
    }

    /// Owned, for a request that is to be kept.
    pub(crate) fn keep(&self) -> Box<[(Box<str>, Box<str>)]> {
        match self {
            Self::None => Box::default(),
            Self::Matched(params) => params.iter().map(|(k, v)| (k.into(), v.into())).collect(),
            Self::Kept(pairs) => (*pairs).into(),
        }
    }
}
