//! How many posts may be under way at a time: one more for every window of posts that got through,
//! half as many when the gateway says 429 (additive increase, multiplicative decrease).

use std::time::Duration;

use tokio::time::Instant;

/// Posts under way at most.
const MOST: usize = 32;

/// Refusals of one burst halve the window once.
const BURST: Duration = Duration::from_millis(50);

/// From so many refusals in a row on it is not one client that does not read: wait.
const IN_A_ROW: u32 = 3;

/// The first wait; each refusal more in a row doubles it, five times.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// How many posts may be under way.
#[derive(Debug)]
pub(crate) struct Window {
    size: usize,
    through: usize,
    refused_in_a_row: u32,
    halved_at: Option<Instant>,
    /// Nothing is to be started before.
    pub(crate) resume_at: Option<Instant>,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            size: MOST,
            through: 0,
            refused_in_a_row: 0,
            halved_at: None,
            resume_at: None,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// A post got through.
    pub(crate) fn grow(&mut self) {
        self.refused_in_a_row = 0;
        self.resume_at = None;
        self.through += 1;
        if self.through >= self.size && self.size < MOST {
            self.size += 1;
            self.through = 0;
        }
    }

    /// The gateway said 429.
    pub(crate) fn shrink(&mut self, now: Instant) {
        self.refused_in_a_row += 1;
        self.through = 0;
        if self.halved_at.is_none_or(|at| now >= at + BURST) {
            self.size = (self.size / 2).max(1);
            self.halved_at = Some(now);
        }
        if let Some(beyond) = self.refused_in_a_row.checked_sub(IN_A_ROW) {
            self.resume_at = Some(now + FIRST_WAIT * (1 << beyond.min(5)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_refusals_halves_once_and_makes_wait_only_from_the_third() {
        let mut window = Window::new();
        let now = Instant::now();
        window.shrink(now);
        window.shrink(now);
        assert_eq!((window.size(), window.resume_at), (16, None));
        window.shrink(now);
        assert_eq!(
            (window.size(), window.resume_at),
            (16, Some(now + FIRST_WAIT))
        );
        window.shrink(now + BURST);
        assert_eq!(window.size(), 8);
        assert_eq!(window.resume_at, Some(now + BURST + FIRST_WAIT * 2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_never_closes_and_opens_again_one_by_one() {
        let mut window = Window::new();
        for burst in 0..10 {
            window.shrink(Instant::now() + BURST * burst);
        }
        assert_eq!(window.size(), 1);
        window.grow();
        assert_eq!((window.size(), window.resume_at), (2, None));
        window.grow();
        window.grow();
        assert_eq!(window.size(), 3);
        for _ in 0..1_000 {
            window.grow();
        }
        assert_eq!(window.size(), MOST);
    }
}
