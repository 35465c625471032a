//! Typed values that middleware passes on with a request.

use crate::caught::discard;
use std::{
    any::{Any, TypeId},
    rc::Rc,
};

type Values = Vec<(TypeId, Rc<dyn Any>)>;

/// At most one value of each type. Nearly always there is none, so it is as small as can be.
#[derive(Clone, Default)]
pub(crate) struct Extensions(Option<Box<Values>>);

impl Drop for Extensions {
    fn drop(&mut self) {
        if let Some(values) = self.0.take() {
            discard(values);
        }
    }
}

impl Extensions {
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        let mut values = self.0.as_ref()?.iter();
        values
            .find(|(id, _)| *id == TypeId::of::<T>())
            .and_then(|(_, value)| value.downcast_ref())
    }

    pub(crate) fn set<T: 'static>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        let values = self.0.get_or_insert_default();
        values.retain(|(other, _)| *other != id);
        values.push((id, Rc::new(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_each_type() {
        let mut extensions = Extensions::default();
        extensions.set(1u32);
        extensions.set("text");
        extensions.set(2u32);
        assert_eq!(extensions.get::<u32>(), Some(&2));
        assert_eq!(extensions.clone().get::<&str>(), Some(&"text"));
        assert_eq!(extensions.get::<u64>(), None);
    }
}
