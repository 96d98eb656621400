//! Arrays with a least and a greatest number of items.
//!
//! Owns the bounds of arrays. Must never drop an item.

use super::OutOfBounds;
use crate::codec::{self, Wire};
use crate::json::{Reader, Stop};
use crate::schema::Shape;
use std::ops::Deref;

/// An array of `MIN` to `MAX` items. `Default` gives an empty one, whatever `MIN` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// Checks and takes the items.
    ///
    /// # Errors
    /// When there are too few or too many.
    pub fn new(items: Vec<T>) -> Result<Self, OutOfBounds> {
        if (MIN..=MAX).contains(&items.len()) { Ok(Self(items)) } else { Err(OutOfBounds) }
    }

    /// A list of one item.
    pub fn one(item: T) -> Self {
        const { assert!(MIN <= 1 && MAX >= 1, "a list that cannot hold exactly one item") };
        Self(vec![item])
    }

    /// The items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> Default for List<T, MIN, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> IntoIterator for List<T, MIN, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T, const MIN: usize, const MAX: usize> IntoIterator for &'a List<T, MIN, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Wire, const MIN: usize, const MAX: usize> Wire for List<T, MIN, MAX> {
    const SHAPE: Shape = Shape::List { item: &T::SHAPE, min: MIN, max: MAX };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let items = Vec::<T>::read(reader)?;
        if !(MIN..=MAX).contains(&items.len()) {
            reader.note();
        }
        Ok(Self(items))
    }

    fn write(&self, out: &mut String) {
        codec::write_items(&self.0, out);
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SHAPE: Shape = Shape::List { item: &T::SHAPE, min: 0, max: usize::MAX };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Stop> {
        let mut items = Vec::new();
        let mut first = true;
        reader.open_array()?;
        while reader.item(&mut first)? {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }

    fn write(&self, out: &mut String) {
        codec::write_items(self, out);
    }
}
