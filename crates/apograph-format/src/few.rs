//! Lists that mostly have one item.
//!
//! A repository keeps several of them for each of its segments. One item lies in the list itself;
//! only a second one asks for memory.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A list that mostly has one item.
#[derive(Clone)]
pub struct Few<T>(Items<T>);

#[derive(Clone)]
enum Items<T> {
    None,
    One([T; 1]),
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// A list without items.
    pub const fn new() -> Self {
        Self(Items::None)
    }

    /// Adds an item at its end.
    pub fn push(&mut self, item: T) {
        self.insert(self.len(), item);
    }

    /// Adds an item before the one at `index`, or at its end where there is none.
    pub fn insert(&mut self, index: usize, item: T) {
        self.0 = match std::mem::replace(&mut self.0, Items::None) {
            Items::None => Items::One([item]),
            Items::One([one]) if index == 0 => Items::Many(vec![item, one]),
            Items::One([one]) => Items::Many(vec![one, item]),
            Items::Many(mut items) => {
                items.insert(index.min(items.len()), item);
                Items::Many(items)
            }
        };
    }

    /// Takes so many items away, from the one at `index` on.
    pub fn remove(&mut self, index: usize, count: usize) {
        match &mut self.0 {
            Items::One(_) if index == 0 && count > 0 => self.0 = Items::None,
            Items::None | Items::One(_) => {}
            Items::Many(items) => {
                let end = index.saturating_add(count).min(items.len());
                items.drain(index.min(end)..end);
            }
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Items::None => &[],
            Items::One(item) => item,
            Items::Many(items) => items,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Items::None => &mut [],
            Items::One(item) => item,
            Items::Many(items) => items,
        }
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::new();
        for item in items {
            few.push(item);
        }
        if let Items::Many(items) = &mut few.0 {
            items.shrink_to_fit();
        }
        few
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut Few<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(feature = "serde")]
impl<T: serde::Serialize> serde::Serialize for Few<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self)
    }
}

#[cfg(feature = "serde")]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Few<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each<T>(std::marker::PhantomData<T>);

        impl<'de, T: serde::Deserialize<'de>> serde::de::Visitor<'de> for Each<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Few<T>, A::Error> {
                std::iter::from_fn(|| list.next_element().transpose()).collect()
            }
        }

        from.deserialize_seq(Each(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn behaves_as_a_list() {
        let mut few: Few<u32> = Few::new();
        let mut list: Vec<u32> = Vec::new();
        let mut seed = 1_u64;
        for number in 0..400 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = usize::try_from(seed >> 40).unwrap() % (list.len() + 1);
            if seed >> 63 == 0 {
                few.insert(index, number);
                list.insert(index, number);
            } else {
                let count = (list.len() - index).min(2);
                few.remove(index, count);
                list.drain(index..index + count);
            }
            assert_eq!(*few, *list);
            assert_eq!(few, Few::from(list.clone()));
        }
    }

    #[test]
    fn one_item_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Few<(u64, u64)>>(), size_of::<Vec<(u64, u64)>>());
        let few = Few::from(vec![7_u64]);
        let own = std::ptr::from_ref(&few).cast::<u8>();
        let item = few.as_ptr().cast::<u8>();
        let within = own.wrapping_add(size_of::<Few<u64>>());
        assert!((own..within).contains(&item));
    }
}
