//! Whose a slot is.

/// The owner of a slot: a subscription's number in the table, from 1, or one of these.
///
/// Memory that is not in use yet is all zeros, and takes no room in a device's flash.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotOwner(pub(crate) u8);

impl SlotOwner {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const REQUEST: Self = Self(255);
    /// The one reader of a link.
    pub(crate) const READER: Self = Self(1);

    pub(crate) fn of_queue(index: usize) -> Option<Self> {
        u8::try_from(index + 1).ok().map(Self).filter(|owner| *owner != Self::REQUEST)
    }

    pub(crate) fn queue(self) -> Option<usize> {
        if self == Self::REQUEST { None } else { usize::from(self.0).checked_sub(1) }
    }
}
