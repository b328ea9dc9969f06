//! Order and times of due keys, with a paused clock.

use rstest::rstest;

use super::*;
use crate::facts::AssignmentId;

/// Limit of writes per second of the queue.
const LIMIT: u32 = 10;

fn queue() -> Queue<AssignmentId> {
    Queue::new(NonZeroU32::new(LIMIT).unwrap())
}

fn id(name: &str) -> AssignmentId {
    AssignmentId { namespace: Some("shop".into()), name: name.into() }
}

/// Returns the next due assignment and its time after `start`. The paused clock advances by itself.
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
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue(&id("a"), Priority::Background, start);
    about(next_after(&mut queue, start).await.1, Duration::ZERO);
    queue.finished(&id("a"), Priority::Background);
    for _ in 0..100 {
        queue.enqueue(&id("a"), Priority::Background, Instant::now());
        tokio::time::advance(Duration::from_millis(2)).await;
    }
    about(next_after(&mut queue, start).await.1, WINDOW);
    queue.finished(&id("a"), Priority::Background);
    let nothing = tokio::time::timeout(Duration::from_hours(1), queue.next()).await;
    assert!(nothing.is_err(), "the hundred changes were one");
}

#[tokio::test(start_paused = true)]
async fn a_busy_assignment_does_not_starve() {
    let (mut queue, start) = (queue(), Instant::now());
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(10) {
        queue.enqueue(&id("a"), Priority::Background, Instant::now());
        if tokio::time::timeout(Duration::from_millis(100), queue.next()).await.is_ok() {
            queue.finished(&id("a"), Priority::Background);
            rounds += 1;
        }
    }
    assert!((9..=11).contains(&rounds), "{rounds}");
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards() {
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue(&id("a"), Priority::Background, start);
    queue.next().await;
    queue.enqueue(&id("a"), Priority::Background, Instant::now());
    let early = tokio::time::timeout(Duration::from_secs(30), queue.next()).await;
    assert!(early.is_err(), "it was worked on twice at the same time");
    queue.finished(&id("a"), Priority::Background);
    assert_eq!(queue.next().await, id("a"));
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_after_growing_times_and_a_success_resets_them() {
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue(&id("a"), Priority::Background, start);
    queue.next().await;
    for (failures, seconds) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        let failed = Instant::now();
        assert_eq!(queue.failed(&id("a"), Priority::Background, failed), failures);
        about(next_after(&mut queue, failed).await.1, Duration::from_secs(seconds));
    }
    queue.finished(&id("a"), Priority::Background);
    queue.enqueue(&id("a"), Priority::Background, Instant::now());
    queue.next().await;
    let failed = Instant::now();
    assert_eq!(queue.failed(&id("a"), Priority::Background, failed), 1);
    about(next_after(&mut queue, failed).await.1, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_are_worked_on_at_the_same_time() {
    let (mut queue, start) = (queue(), Instant::now());
    for number in 0..=PARALLEL {
        queue.enqueue(&id(&number.to_string()), Priority::User, start);
    }
    let mut first = None;
    for _ in 0..PARALLEL {
        first = Some(queue.next().await);
    }
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    assert_eq!((queue.waiting(), queue.running()), (1, PARALLEL));
    assert!(queue.longest_wait(Instant::now()) >= Duration::from_mins(1));
    queue.finished(&first.unwrap(), Priority::Background);
    assert_eq!(queue.running(), PARALLEL - 1);
    assert!(tokio::time::timeout(Duration::from_secs(1), queue.next()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn some_places_are_for_users_alone() {
    let (mut queue, start) = (queue(), Instant::now());
    let routine = Priority::Background.places();
    assert!(routine > 0 && routine < PARALLEL);
    for number in 0..=routine {
        queue.enqueue(&id(&number.to_string()), Priority::Background, start);
    }
    for _ in 0..routine {
        queue.next().await;
    }
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err(), "all of the others hang");
    queue.enqueue(&id("answer"), Priority::User, Instant::now());
    assert_eq!(queue.next().await, id("answer"));
}

#[tokio::test(start_paused = true)]
async fn the_earliest_time_asked_for_counts_and_a_forgotten_assignment_is_never_due() {
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue_at(&id("a"), Priority::Background, start + Duration::from_secs(9));
    queue.enqueue_at(&id("a"), Priority::Background, start + Duration::from_secs(3));
    queue.enqueue_at(&id("a"), Priority::Background, start + Duration::from_secs(6));
    queue.enqueue_at(&id("b"), Priority::Background, start + Duration::from_secs(1));
    queue.remove(&id("b"));
    let (name, after) = next_after(&mut queue, start).await;
    assert_eq!(name, "a");
    about(after, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn what_waits_can_be_forgotten_and_what_is_worked_on_ends() {
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue(&id("a"), Priority::Background, start);
    queue.next().await;
    queue.enqueue(&id("a"), Priority::Background, Instant::now());
    queue.enqueue_at(&id("b"), Priority::Background, start + Duration::from_secs(9));
    queue.clear_waiting();
    assert_eq!((queue.waiting(), queue.running(), queue.longest_wait(Instant::now())), (0, 1, Duration::ZERO));
    queue.finished(&id("a"), Priority::Background);
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    queue.enqueue(&id("b"), Priority::Background, Instant::now());
    assert_eq!(queue.next().await, id("b"));
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_and_comes_back_while_it_is_worked_on_is_not_worked_on_twice() {
    let (mut queue, start) = (queue(), Instant::now());
    queue.enqueue(&id("a"), Priority::Background, start);
    queue.next().await;
    queue.remove(&id("a"));
    queue.enqueue(&id("a"), Priority::Background, Instant::now());
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
    queue.finished(&id("a"), Priority::Background);
    assert_eq!(queue.next().await, id("a"));
    queue.remove(&id("a"));
    queue.finished(&id("a"), Priority::Background);
    assert!(queue.entries.is_empty(), "nothing is left behind");
}

/// A queue whose limit is used up: the next write may begin in a tenth of a second.
async fn used_up() -> Queue<AssignmentId> {
    let mut queue = queue();
    for number in 0..LIMIT {
        queue.enqueue(&id(&format!("first-{number}")), Priority::Background, Instant::now());
    }
    for _ in 0..LIMIT {
        written(&mut queue).await;
    }
    queue
}

/// Marks one after those that were marked before: the timers know no order within a millisecond.
async fn mark_later(queue: &mut Queue<AssignmentId>, name: &str) {
    queue.enqueue(&id(name), Priority::Background, Instant::now());
    tokio::time::advance(Duration::from_millis(1)).await;
}

/// The name of the next, which is written at once.
async fn written(queue: &mut Queue<AssignmentId>) -> String {
    let next = queue.next().await;
    queue.count_writes(&next, 1, Instant::now());
    queue.finished(&next, Priority::Background);
    next.name.to_string()
}

/// The names of those that are written in a time.
async fn written_in(queue: &mut Queue<AssignmentId>, time: Duration) -> Vec<String> {
    let end = Instant::now() + time;
    let mut names = Vec::new();
    while let Ok(name) = tokio::time::timeout_at(end, written(queue)).await {
        names.push(name);
    }
    names
}

#[tokio::test(start_paused = true)]
async fn a_second_s_worth_is_written_at_once_then_no_more_than_the_limit_and_in_order() {
    let mut queue = queue();
    let names: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    for name in &names {
        mark_later(&mut queue, name).await;
    }
    assert_eq!(written_in(&mut queue, Duration::from_millis(50)).await, names[..10]);
    assert_eq!(written_in(&mut queue, Duration::from_secs(2)).await, names[10..30]);
    assert_eq!((queue.waiting(), queue.running()), (20, 0), "the others wait");
    assert_eq!(written_in(&mut queue, Duration::from_mins(1)).await, names[30..]);
}

#[tokio::test(start_paused = true)]
async fn a_round_with_nothing_to_write_costs_nothing() {
    let (mut queue, start) = (queue(), Instant::now());
    for number in 0..500 {
        queue.enqueue(&id(&number.to_string()), Priority::Background, start);
    }
    for _ in 0..500 {
        let next = queue.next().await;
        queue.finished(&next, Priority::Background);
    }
    about(start.elapsed(), Duration::ZERO);
    assert_eq!(queue.waiting(), 0);
}

#[rstest]
#[case::it_was_quiet(false)]
#[case::it_waits_for_the_limit(true)]
#[tokio::test(start_paused = true)]
async fn what_answers_a_user_goes_at_once_although_the_limit_is_used_up(#[case] waits: bool) {
    let (mut queue, start) = (used_up().await, Instant::now());
    mark_later(&mut queue, "routine").await;
    if waits {
        mark_later(&mut queue, "answer").await;
    }
    let nothing = written_in(&mut queue, Duration::from_millis(20)).await;
    assert_eq!(nothing, [""; 0]);
    queue.enqueue(&id("answer"), Priority::User, Instant::now());
    assert_eq!(written(&mut queue).await, "answer");
    about(start.elapsed(), Duration::from_millis(20));
    // It has not counted either.
    assert_eq!(written(&mut queue).await, "routine");
    about(start.elapsed(), Duration::from_millis(100));
    assert_eq!(written_in(&mut queue, Duration::from_mins(1)).await, [""; 0], "each went once");
}

#[tokio::test(start_paused = true)]
async fn answers_to_users_are_served_first_and_in_order() {
    let mut queue = queue();
    for name in ["a", "b", "c", "d"] {
        mark_later(&mut queue, name).await;
    }
    queue.enqueue(&id("d"), Priority::User, Instant::now());
    queue.enqueue(&id("b"), Priority::User, Instant::now());
    assert_eq!(written_in(&mut queue, Duration::from_millis(10)).await, ["b", "d", "a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn many_answers_to_users_do_not_count() {
    let (mut queue, start) = (queue(), Instant::now());
    for number in 0..500 {
        queue.enqueue(&id(&number.to_string()), Priority::User, start);
    }
    assert_eq!(written_in(&mut queue, Duration::from_millis(5)).await.len(), 500);
    queue.enqueue(&id("routine"), Priority::Background, Instant::now());
    assert_eq!(written_in(&mut queue, Duration::from_millis(5)).await, ["routine"]);
}

#[tokio::test(start_paused = true)]
async fn answers_to_users_keep_their_window_and_the_bound_of_those_worked_on() {
    let (mut queue, start) = (queue(), Instant::now());
    for _ in 0..3 {
        queue.enqueue(&id("a"), Priority::User, Instant::now());
        written(&mut queue).await;
    }
    about(start.elapsed(), 2 * WINDOW);
    for number in 0..=PARALLEL {
        queue.enqueue(&id(&number.to_string()), Priority::User, Instant::now());
    }
    for _ in 0..PARALLEL {
        queue.next().await;
    }
    assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_becomes_due_while_the_limit_holds_up_comes_into_its_line() {
    let mut queue = Queue::new(NonZeroU32::MIN);
    let start = Instant::now();
    queue.enqueue(&id("first"), Priority::Background, start);
    written(&mut queue).await;
    queue.enqueue_at(&id("late"), Priority::Background, start + Duration::from_millis(500));
    queue.enqueue_at(&id("early"), Priority::Background, start + Duration::from_millis(200));
    queue.enqueue_at(&id("answer"), Priority::User, start + Duration::from_millis(300));
    assert_eq!(written(&mut queue).await, "answer");
    about(start.elapsed(), Duration::from_millis(300));
    for (name, seconds) in [("early", 1), ("late", 2)] {
        assert_eq!(written(&mut queue).await, name);
        about(start.elapsed(), Duration::from_secs(seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn both_lines_are_counted_as_waiting() {
    let (mut queue, start) = (queue(), Instant::now());
    for number in 0..PARALLEL {
        queue.enqueue(&id(&number.to_string()), Priority::User, start);
        queue.next().await;
    }
    let start = Instant::now();
    queue.enqueue(&id("routine"), Priority::Background, start);
    tokio::time::advance(Duration::from_millis(50)).await;
    queue.enqueue(&id("answer"), Priority::User, Instant::now());
    assert!(tokio::time::timeout(Duration::from_millis(50), queue.next()).await.is_err());
    assert_eq!(queue.waiting(), 2);
    about(queue.longest_wait(Instant::now()), Duration::from_millis(100));
    for (ended, name, oldest) in [(0..1, "answer", 100), (1..RESERVED + 2, "routine", 0)] {
        ended.for_each(|number| queue.finished(&id(&number.to_string()), Priority::Background));
        assert_eq!(queue.next().await, id(name));
        about(queue.longest_wait(Instant::now()), Duration::from_millis(oldest));
    }
    assert_eq!(queue.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_the_wait_is_cancelled_again_and_again() {
    let (mut queue, start) = (queue(), Instant::now());
    let names: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    for name in &names {
        mark_later(&mut queue, name).await;
    }
    let mut found = Vec::new();
    while start.elapsed() < Duration::from_secs(3) {
        // The limit takes longer than this to let one more go on.
        found.extend(tokio::time::timeout(Duration::from_millis(7), written(&mut queue)).await);
    }
    assert_eq!(found, names);
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_again_counts_again() {
    let mut queue = Queue::new(NonZeroU32::MIN);
    let start = Instant::now();
    queue.enqueue(&id("a"), Priority::Background, start);
    for second in 0..2 {
        let (name, after) = next_after(&mut queue, start).await;
        assert_eq!(name, "a");
        about(after, Duration::from_secs(second));
        queue.count_writes(&id("a"), 1, Instant::now());
        if second == 0 {
            queue.failed(&id("a"), Priority::Background, Instant::now());
        }
    }
    queue.enqueue(&id("b"), Priority::Background, Instant::now());
    about(next_after(&mut queue, start).await.1, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_user_that_failed_is_tried_again_whatever_the_limit() {
    let mut queue = Queue::new(NonZeroU32::MIN);
    queue.enqueue(&id("a"), Priority::User, Instant::now());
    queue.next().await;
    let failed = Instant::now();
    queue.failed(&id("a"), Priority::User, failed);
    queue.enqueue(&id("routine"), Priority::Background, failed + Duration::from_millis(900));
    assert_eq!(written(&mut queue).await, "routine");
    assert_eq!(written(&mut queue).await, "a");
    about(failed.elapsed(), BACKOFF.0);
}

#[rstest]
#[case::by_the_cluster_so_it_waits_for_the_limit(Priority::Background, 1500)]
#[case::by_the_user_so_it_does_not(Priority::User, 1000)]
#[tokio::test(start_paused = true)]
async fn what_changes_while_the_user_is_answered_goes(#[case] line: Priority, #[case] millis: u64) {
    let mut queue = Queue::new(NonZeroU32::MIN);
    let start = Instant::now();
    queue.enqueue(&id("a"), Priority::User, start);
    let answered = queue.next().await;
    // Not answered yet, whoever changes something.
    queue.enqueue(&answered, Priority::User, Instant::now());
    queue.finished(&answered, line);
    queue.enqueue(&id("b"), Priority::Background, start + Duration::from_millis(500));
    assert_eq!(written(&mut queue).await, "b");
    assert_eq!(written(&mut queue).await, "a");
    about(start.elapsed(), Duration::from_millis(millis));
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_and_comes_back_while_the_limit_holds_it_up_goes_once() {
    let mut queue = used_up().await;
    mark_later(&mut queue, "a").await;
    mark_later(&mut queue, "b").await;
    assert_eq!(written_in(&mut queue, Duration::from_millis(20)).await, [""; 0]);
    queue.remove(&id("a"));
    assert_eq!(queue.waiting(), 1);
    mark_later(&mut queue, "a").await;
    assert_eq!(written_in(&mut queue, Duration::from_mins(1)).await, ["b", "a"]);
}
