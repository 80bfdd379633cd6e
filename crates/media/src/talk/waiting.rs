//! Keys that wait for those before them.

use crate::tone::Digit;
use std::collections::VecDeque;

/// More are not sent. 16 bytes each.
const KEYS_MAX: usize = 32;

/// How long a key is at least and at most, in milliseconds.
const KEY_MS: std::ops::RangeInclusive<u32> = 60..=5_000;

/// A key to be sent; how long, once it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) digit: Digit,
    pub(super) ms: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Waiting(VecDeque<Wanted>);

impl Waiting {
    pub(super) fn new() -> Self {
        Self(VecDeque::with_capacity(KEYS_MAX))
    }

    pub(super) fn push(&mut self, digit: Digit, ms: Option<u32>) {
        if self.0.len() < KEYS_MAX {
            self.0.push_back(Wanted { digit, ms: ms.map(clamped) });
        }
    }

    /// The end of a key is known. False: none of that name waits for it.
    pub(super) fn released(&mut self, digit: Digit, ms: u32) -> bool {
        let waiting = self.0.iter_mut().rev().find(|wanted| wanted.digit == digit && wanted.ms.is_none());
        waiting.map(|wanted| wanted.ms = Some(clamped(ms))).is_some()
    }

    pub(super) fn front(&self) -> Option<Wanted> {
        self.0.front().copied()
    }

    pub(super) fn pop(&mut self) {
        self.0.pop_front();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn clamped(ms: u32) -> u32 {
    ms.clamp(*KEY_MS.start(), *KEY_MS.end())
}
