//! The fields of an event in files, and the set of those that a line has.

macro_rules! fields {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A field of an event, by its name in files.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Field {
            $($variant,)+
        }

        impl Field {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

fields! {
    Index = "index",
    Time = "time",
    Process = "process",
    Type = "type",
    F = "f",
    Key = "key",
    Value = "value",
    Node = "node",
    Error = "error",
    Revision = "revision",
    Due = "due",
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(u16);

impl Fields {
    /// Adds a field; false when it is in the set already.
    pub(crate) fn insert(&mut self, field: Field) -> bool {
        let new = !self.contains(field);
        self.0 |= 1 << field as u16;
        new
    }

    pub(crate) fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u16) != 0
    }

    /// The first of these that is not in the set.
    pub(crate) fn missing(self, required: &[Field]) -> Option<Field> {
        required
            .iter()
            .copied()
            .find(|&field| !self.contains(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_bits_differ() {
        let mut set = Fields::default();
        for &field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(set.missing(&[field]), Some(field));
            assert!(set.insert(field));
            assert!(!set.insert(field));
        }
        assert_eq!(Field::from_name("colour"), None);
        assert_eq!(set.missing(Field::ALL), None);
    }
}
