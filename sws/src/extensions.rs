//! Typed values that middleware passes on with a request.

use std::{
    any::{Any, TypeId},
    rc::Rc,
};

/// At most one value of each type. Empty, which it nearly always is, it holds no memory.
#[derive(Clone, Default)]
pub(crate) struct Extensions(Vec<(TypeId, Rc<dyn Any>)>);

impl Extensions {
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        let mut values = self.0.iter();
        values
            .find(|(id, _)| *id == TypeId::of::<T>())
            .and_then(|(_, value)| value.downcast_ref())
    }

    pub(crate) fn set<T: 'static>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        self.0.retain(|(other, _)| *other != id);
        self.0.push((id, Rc::new(value)));
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
