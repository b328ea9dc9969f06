use super::*;
use crate::model::AssignmentId;

fn id(name: &str) -> AssignmentId {
    AssignmentId { namespace: Some("shop".into()), name: name.into() }
}

/// How long after `start` the next assignment is due; the clock of the test jumps.
async fn next_after(queue: &mut Queue<AssignmentId>, start: Instant) -> (String, Duration) {
    let id = queue.next().await;
    (id.name.to_string(), start.elapsed())
}

fn about(actual: Duration, expected: Duration) {
    // The timer wheel counts in milliseconds.
    let late = actual.checked_sub(expected);
    assert!(late.is_some_and(|late| late < Duration::from_millis(5)), "{actual:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_change_goes_at_once_and_further_ones_within_a_second_go_together() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark(&id("a"), start);
    about(next_after(&mut queue, start).await.1, Duration::ZERO);
    queue.finished(&id("a"));
    for _ in 0..100 {
        queue.mark(&id("a"), Instant::now());
        tokio::time::advance(Duration::from_millis(2)).await;
    }
    about(next_after(&mut queue, start).await.1, WINDOW);
    queue.finished(&id("a"));
    let nothing = tokio::time::timeout(Duration::from_hours(1), queue.next()).await;
    assert!(nothing.is_err(), "the hundred changes were one");
}

#[tokio::test(start_paused = true)]
async fn a_busy_assignment_does_not_starve() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(10) {
        queue.mark(&id("a"), Instant::now());
        if tokio::time::timeout(Duration::from_millis(100), queue.next()).await.is_ok() {
            queue.finished(&id("a"));
            rounds += 1;
        }
    }
    assert!((9..=11).contains(&rounds), "{rounds}");
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark(&id("a"), start);
    queue.next().await;
    queue.mark(&id("a"), Instant::now());
    let early = tokio::time::timeout(Duration::from_secs(30), queue.next()).await;
    assert!(early.is_err(), "it was worked on twice at the same time");
    queue.finished(&id("a"));
    assert_eq!(queue.next().await, id("a"));
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_after_growing_times_and_a_success_resets_them() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark(&id("a"), start);
    queue.next().await;
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        let failed = Instant::now();
        queue.failed(&id("a"), failed);
        about(next_after(&mut queue, failed).await.1, Duration::from_secs(seconds));
    }
    queue.finished(&id("a"));
    queue.mark(&id("a"), Instant::now());
    queue.next().await;
    let failed = Instant::now();
    queue.failed(&id("a"), failed);
    about(next_after(&mut queue, failed).await.1, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_are_worked_on_at_the_same_time() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    for number in 0..=PARALLEL {
        queue.mark(&id(&number.to_string()), start);
    }
    let mut first = None;
    for _ in 0..PARALLEL {
        first = Some(queue.next().await);
    }
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    assert_eq!((queue.waiting(), queue.running()), (1, PARALLEL));
    assert!(queue.oldest(Instant::now()) >= Duration::from_mins(1));
    queue.finished(&first.unwrap());
    assert_eq!(queue.running(), PARALLEL - 1);
    assert!(tokio::time::timeout(Duration::from_secs(1), queue.next()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_earliest_time_asked_for_counts_and_a_forgotten_assignment_is_never_due() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark_at(&id("a"), start + Duration::from_secs(9));
    queue.mark_at(&id("a"), start + Duration::from_secs(3));
    queue.mark_at(&id("a"), start + Duration::from_secs(6));
    queue.mark_at(&id("b"), start + Duration::from_secs(1));
    queue.forget(&id("b"));
    let (name, after) = next_after(&mut queue, start).await;
    assert_eq!(name, "a");
    about(after, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn what_waits_can_be_forgotten_and_what_is_worked_on_ends() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark(&id("a"), start);
    queue.next().await;
    queue.mark(&id("a"), Instant::now());
    queue.mark_at(&id("b"), start + Duration::from_secs(9));
    queue.forget_waiting();
    assert_eq!((queue.waiting(), queue.running(), queue.oldest(Instant::now())), (0, 1, Duration::ZERO));
    queue.finished(&id("a"));
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    queue.mark(&id("b"), Instant::now());
    assert_eq!(queue.next().await, id("b"));
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_and_comes_back_while_it_is_worked_on_is_not_worked_on_twice() {
    let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
    queue.mark(&id("a"), start);
    queue.next().await;
    queue.forget(&id("a"));
    queue.mark(&id("a"), Instant::now());
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    queue.finished(&id("a"));
    assert_eq!(queue.next().await, id("a"));
    queue.forget(&id("a"));
    queue.finished(&id("a"));
    assert!(queue.entries.is_empty(), "nothing is left behind");
}
