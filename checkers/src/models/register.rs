//! A register: it holds one value, which is read, written, and compared and set.

use super::Model;

/// What an operation does to a register. Values are numbered; 0 is the one it holds first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RegisterAction {
    /// It held this value.
    Read(u32),
    /// It did not hold this value: a compare-and-set that was told so.
    Unlike(u32),
    /// It holds this value from now on.
    Write(u32),
    /// It held the first value, and holds the second from now on.
    Cas(u32, u32),
}

impl RegisterAction {
    /// The value it found, if it found one.
    pub(crate) const fn found(self) -> Option<u32> {
        match self {
            Self::Read(value) | Self::Cas(value, _) => Some(value),
            Self::Unlike(_) | Self::Write(_) => None,
        }
    }

    /// The value it left behind, if it left one.
    pub(crate) const fn left(self) -> Option<u32> {
        match self {
            Self::Write(value) | Self::Cas(_, value) => Some(value),
            Self::Read(_) | Self::Unlike(_) => None,
        }
    }
}

/// A register whose values are numbered below `values`. Its state is the value it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Register {
    /// How many values there are.
    pub(crate) values: u32,
}

impl Model for Register {
    type Action = RegisterAction;

    fn step(&self, state: u32, action: RegisterAction) -> Option<u32> {
        match action {
            RegisterAction::Read(value) => (state == value).then_some(state),
            RegisterAction::Unlike(value) => (state != value).then_some(state),
            RegisterAction::Write(value) => Some(value),
            RegisterAction::Cas(old, new) => (state == old).then_some(new),
        }
    }

    fn states(&self) -> u32 {
        self.values
    }

    fn is_pure(&self, action: RegisterAction) -> bool {
        action.left().is_none()
    }

    fn only_in(&self, action: RegisterAction) -> Option<u32> {
        action.found()
    }

    fn fits_anywhere(&self, action: RegisterAction) -> bool {
        matches!(action, RegisterAction::Write(_))
    }

    fn result(&self, action: RegisterAction) -> Option<u32> {
        action.left()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_does_what_registers_do() {
        use RegisterAction::{Cas, Read, Unlike, Write};
        let register = Register { values: 3 };
        assert_eq!(register.step(0, Write(2)), Some(2));
        assert_eq!(register.step(2, Read(2)), Some(2));
        assert_eq!(register.step(2, Read(1)), None);
        assert_eq!(register.step(2, Cas(2, 1)), Some(1));
        assert_eq!(register.step(2, Cas(1, 0)), None);
        assert_eq!(register.step(2, Unlike(1)), Some(2));
        assert_eq!(register.step(2, Unlike(2)), None);
    }
}
