//! Rules of the election: the next step for a Lease as it was read. Pure: the time is an argument.
//!
//! The rules are those of client-go's leader election, with one addition: a Lease that is missing, or that another than its
//! holder has emptied, counts as held for one lease duration. So neither leads to two leaders, and a replica that is about to
//! stop does not create a Lease that an uninstall has deleted.

use std::time::Duration;

use tokio::time::Instant;

/// Time for which a Lease is valid after a renewal.
pub(in crate::controller) const LEASE: Duration = Duration::from_secs(15);
/// Time for which a leader writes after its last successful renewal.
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Interval of attempts.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// Duration in a released Lease. Another replica can acquire it at once.
pub(super) const RELEASED: Duration = Duration::from_secs(1);

/// Fields of a Lease that decide the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Identity of the holder; empty for none.
    pub(super) holder: String,
    /// Time for which it is valid after each renewal.
    pub(super) duration: Duration,
    /// Time of the renewal by the holder's clock. Only a change of it matters, because clocks differ.
    pub(super) renewed: String,
    /// Number of changes of the holder.
    pub(super) transitions: i32,
}

/// Next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The Lease does not exist: create it.
    Create,
    /// Acquire the Lease, with this number of changes of the holder.
    Take(i32),
    /// This replica holds it: renew it, with this number of changes of the holder.
    Renew(i32),
    /// Another replica can still hold it.
    Wait,
}

/// State of this replica in the election.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    /// Last seen claim, and the time at which it was first seen.
    seen: Option<(Claim, Instant)>,
    /// Time of the first look at the Lease.
    began: Option<Instant>,
    /// Start of the last write that acquired or renewed the Lease.
    renewed: Option<Instant>,
}

impl Candidate {
    pub(super) const fn new(identity: String) -> Self {
        Self { identity, seen: None, began: None, renewed: None }
    }

    /// Returns the identity of this replica in the Lease.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Records the Lease as it was read, `None` if it is missing, and returns the next step.
    ///
    /// The claim of another replica expires by the time of its last observed change, never by the holder's clock.
    pub(super) fn look(&mut self, claim: Option<Claim>, now: Instant) -> Step {
        let began = *self.began.get_or_insert(now);
        let Some(claim) = claim else {
            let last = self.seen.as_ref().map_or(began + LEASE, |(claim, since)| *since + claim.duration.max(LEASE));
            return if now >= last { Step::Create } else { Step::Wait };
        };
        if claim.holder == self.identity {
            self.seen = Some((claim.clone(), now));
            return Step::Renew(claim.transitions);
        }
        // This replica has lost the Lease, if it held it.
        self.renewed = None;
        let is_blank = claim.holder.is_empty() && self.seen.is_none();
        let since = match &self.seen {
            Some((known, since)) if *known == claim => *since,
            _ => now,
        };
        // A Lease that was blank from the start stays blank: no replica has held it.
        if !is_blank {
            self.seen = Some((claim.clone(), since));
        }
        let is_released = claim.holder.is_empty() && claim.duration <= RELEASED;
        if is_blank || is_released || now >= since + claim.duration {
            Step::Take(claim.transitions.saturating_add(1))
        } else {
            Step::Wait
        }
    }

    /// Records a successful write of this claim by a request that began at a time.
    pub(super) fn wrote(&mut self, claim: Claim, begun: Instant) {
        self.renewed = (claim.holder == self.identity).then_some(begun);
        self.seen = Some((claim, begun));
    }

    /// Returns the end of the leadership, `None` if this replica does not lead.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        self.renewed.map(|renewed| renewed + RENEW_DEADLINE)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn claim(holder: &str, renewed: &str) -> Claim {
        Claim { holder: holder.into(), duration: LEASE, renewed: renewed.into(), transitions: 4 }
    }

    fn released() -> Claim {
        Claim { duration: RELEASED, ..claim("", "t9") }
    }

    /// Returns the claim of a Lease without a holder, as the chart creates it.
    fn blank() -> Claim {
        Claim { transitions: 0, ..claim("", "") }
    }

    /// Returns the step of a candidate `a` at the last of these times (seconds), after it has seen these claims.
    fn step(sightings: &[(u64, Option<Claim>)]) -> Step {
        let start = Instant::now();
        let mut candidate = Candidate::new("a".into());
        let looks = sightings.iter().map(|(at, seen)| candidate.look(seen.clone(), start + Duration::from_secs(*at)));
        looks.last().unwrap()
    }

    #[rstest]
    #[case::nobody_ever(&[(0, Some(blank()))], Step::Take(1))]
    #[case::nobody_for_a_while(&[(0, Some(blank())), (2, Some(blank()))], Step::Take(1))]
    #[case::missing_from_the_start(&[(0, None), (14, None)], Step::Wait)]
    #[case::missing_for_long(&[(0, None), (15, None)], Step::Create)]
    #[case::emptied_while_held(&[(0, Some(claim("b", "t1"))), (2, Some(blank())), (16, Some(blank()))], Step::Wait)]
    #[case::emptied_for_long(&[(0, Some(claim("b", "t1"))), (2, Some(blank())), (17, Some(blank()))], Step::Take(1))]
    #[case::emptied_while_ours(&[(0, Some(claim("a", "t1"))), (2, Some(blank()))], Step::Wait)]
    #[case::nobody_now(&[(0, Some(released()))], Step::Take(5))]
    #[case::another(&[(0, Some(claim("b", "t1")))], Step::Wait)]
    #[case::another_who_died_before_we_came(&[(0, Some(claim("b", "t1"))), (14, Some(claim("b", "t1")))], Step::Wait)]
    #[case::another_who_is_silent(&[(0, Some(claim("b", "t1"))), (15, Some(claim("b", "t1")))], Step::Take(5))]
    #[case::another_who_renews(&[(0, Some(claim("b", "t1"))), (14, Some(claim("b", "t2"))), (28, Some(claim("b", "t2")))], Step::Wait)]
    #[case::another_who_takes_over(&[(0, Some(claim("b", "t1"))), (14, Some(claim("c", "t1"))), (16, Some(claim("c", "t1")))], Step::Wait)]
    #[case::another_who_let_go(&[(0, Some(claim("b", "t1"))), (2, Some(released()))], Step::Take(5))]
    #[case::ourselves(&[(0, Some(claim("a", "t1")))], Step::Renew(4))]
    #[case::deleted_while_held(&[(0, Some(claim("b", "t1"))), (2, None), (14, None)], Step::Wait)]
    #[case::deleted_for_long(&[(0, Some(claim("b", "t1"))), (2, None), (15, None)], Step::Create)]
    #[case::deleted_while_ours(&[(0, Some(claim("a", "t1"))), (2, None)], Step::Wait)]
    #[case::deleted_after_it_was_let_go(&[(0, Some(released())), (2, None)], Step::Wait)]
    #[case::deleted_and_made_by_another(&[(0, Some(claim("b", "t1"))), (2, None), (16, Some(claim("c", "t1"))), (30, Some(claim("c", "t1")))], Step::Wait)]
    fn who_holds_the_lease_may_lead(#[case] sightings: &[(u64, Option<Claim>)], #[case] expected: Step) {
        assert_eq!(step(sightings), expected);
    }

    #[test]
    fn a_claim_of_another_length_is_good_for_that_long() {
        let short = Claim { duration: Duration::from_secs(5), ..claim("b", "t1") };
        assert_eq!(step(&[(0, Some(short.clone())), (4, Some(short.clone()))]), Step::Wait);
        assert_eq!(step(&[(0, Some(short.clone())), (5, Some(short))]), Step::Take(5));
    }

    #[test]
    fn a_leader_leads_until_its_deadline_counted_from_the_beginning_of_its_last_renewal() {
        let start = Instant::now();
        let mut candidate = Candidate::new("a".into());
        assert_eq!(candidate.leads_until(), None);
        candidate.wrote(claim("a", "t1"), start);
        assert_eq!(candidate.leads_until(), Some(start + RENEW_DEADLINE));
        let later = start + RETRY;
        candidate.wrote(claim("a", "t2"), later);
        assert_eq!(candidate.leads_until(), Some(later + RENEW_DEADLINE));
        candidate.wrote(released(), later);
        assert_eq!(candidate.leads_until(), None);
    }

    #[test]
    fn a_leader_whose_lease_another_has_taken_leads_no_more() {
        let start = Instant::now();
        let mut candidate = Candidate::new("a".into());
        candidate.wrote(claim("a", "t1"), start);
        assert_eq!(candidate.look(Some(claim("b", "t2")), start + RETRY), Step::Wait);
        assert_eq!(candidate.leads_until(), None);
        candidate.wrote(claim("a", "t3"), start);
        candidate.look(Some(blank()), start + RETRY);
        assert_eq!(candidate.leads_until(), None, "nor one whose lease was emptied");
    }

    #[test]
    fn the_time_of_two_leaders_never_overlaps() {
        // The standby sees the last renewal at the earliest possible time. It still waits longer than the leader continues.
        let start = Instant::now();
        let (mut leader, mut standby) = (Candidate::new("a".into()), Candidate::new("b".into()));
        leader.wrote(claim("a", "t1"), start);
        standby.look(Some(claim("a", "t1")), start);
        let until = leader.leads_until().unwrap();
        let mut now = start;
        while standby.look(Some(claim("a", "t1")), now) == Step::Wait {
            now += Duration::from_millis(100);
        }
        assert!(now > until, "{:?} before the deadline", until - now);
    }
}
