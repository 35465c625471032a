use super::*;
use crate::{
    next,
    task::{Executor, enter, panic_message},
};
use std::{
    pin::pin,
    rc::Rc,
    sync::{
        Condvar, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::ThreadId,
    time::Duration,
};

/// More than anything here takes; so long only if something is broken.
const LONG: Duration = Duration::from_secs(20);

fn workers(threads: usize, queue_max: usize) -> Arc<Workers> {
    let config = WorkersConfig {
        threads,
        queue_max,
        ..WorkersConfig::default()
    };
    Workers::new(&config).unwrap()
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on a thread that is no I/O thread, where that is allowed.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let end = Instant::now() + LONG;
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park_timeout(LONG),
        }
        assert!(Instant::now() < end, "a wake has been lost");
    }
}

/// A door that work waits at.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        let (_open, waited) = self
            .0
            .1
            .wait_timeout_while(open, LONG, |open| !*open)
            .unwrap();
        assert!(!waited.timed_out());
    }
}

/// Occupies a worker until the door is opened; returns when it has begun.
fn occupy(workers: &Workers, door: &Door) -> Submitted<()> {
    let (begun, wait) = mpsc::channel();
    let door = door.clone();
    let submitted = workers.submit(move || {
        begun.send(()).unwrap();
        door.pass();
    });
    wait.recv_timeout(LONG).unwrap();
    submitted
}

#[test]
fn work_is_done_elsewhere_in_order() {
    let workers = workers(1, 100);
    let order = Arc::new(Mutex::new(Vec::new()));
    let all: Vec<Submitted<ThreadId>> = (0..50)
        .map(|number| {
            let order = Arc::clone(&order);
            workers.submit(move || {
                order.lock().unwrap().push(number);
                thread::current().id()
            })
        })
        .collect();
    for one in all {
        assert_ne!(block_on(one).unwrap(), thread::current().id());
    }
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert!(workers.stop(Instant::now() + LONG));
}

#[test]
fn threads_work_side_by_side() {
    let workers = workers(3, 100);
    let door = Door::default();
    // Each has begun while the others are there: three threads.
    let all = [(); 3].map(|()| occupy(&workers, &door));
    assert_eq!(
        workers.load(),
        Load {
            queued: 0,
            begun: 0,
            running: 3
        }
    );
    door.open();
    for one in all {
        block_on(one).unwrap();
    }
}

#[test]
fn a_full_queue_refuses_at_once() {
    let workers = workers(1, 2);
    let door = Door::default();
    let first = occupy(&workers, &door);
    let (second, third) = (workers.submit(|| 2), workers.submit(|| 3));
    let error = block_on(workers.submit(|| 4)).unwrap_err();
    assert_eq!(
        (error.clone(), error.status()),
        (SubmitError::QueueFull, 503)
    );
    let refused = workers.submit_async(async || 5);
    assert_eq!(refused.detach(), Err(SubmitError::QueueFull));
    // Taking one back makes room.
    drop(third);
    let fourth = workers.submit(|| 4);
    door.open();
    assert_eq!(block_on(first), Ok(()));
    assert_eq!((block_on(second), block_on(fourth)), (Ok(2), Ok(4)));
}

#[test]
fn futures_that_wait_count_as_queued() {
    let workers = workers(1, 2);
    let go = Arc::new(AtomicBool::new(false));
    let wait = |_| {
        let go = Arc::clone(&go);
        workers.submit_async(move || next::worker_yield(move || go.load(Ordering::Relaxed)))
    };
    let all = [0, 1].map(wait);
    assert_eq!(block_on(workers.submit(|| ())), Err(SubmitError::QueueFull));
    go.store(true, Ordering::Relaxed);
    for one in all {
        assert_eq!(block_on(one), Ok(()));
    }
    // What is over does not count when it is known to be over.
    for number in 0..1000 {
        let all = [0, 1].map(|add| workers.submit_async(move || async move { number + add }));
        for (add, one) in (0..).zip(all) {
            assert_eq!(block_on(one), Ok(number + add));
        }
    }
}

#[test]
fn what_is_dropped_before_it_begins_is_never_done() {
    let workers = workers(1, 10);
    let door = Door::default();
    let first = occupy(&workers, &door);
    let done = Arc::new(AtomicUsize::new(0));
    let add = |amount| {
        let done = Arc::clone(&done);
        move || done.fetch_add(amount, Ordering::Relaxed)
    };
    drop(workers.submit(add(1)));
    let kept = workers.submit(add(10));
    workers.submit(add(100)).detach().unwrap();
    drop(workers.submit(add(1000)));
    assert_eq!(
        Arc::strong_count(&done),
        3,
        "what was taken back is dropped"
    );
    // It has begun: it goes on, and its result is dropped.
    drop(first);
    door.open();
    assert_eq!(block_on(kept), Ok(0));
    assert!(workers.stop(Instant::now() + LONG));
    assert_eq!(done.load(Ordering::Relaxed), 110);
}

#[test]
fn a_panic_ends_nothing_but_the_work() {
    let workers = workers(1, 10);
    let error = block_on(workers.submit(|| -> u8 { panic!("bad {}", 1) })).unwrap_err();
    assert_eq!(error, SubmitError::Panicked("bad 1".to_owned()));
    assert_eq!(error.status(), 500);
    let error = block_on(workers.submit_async(async || -> u8 {
        next::yield_now().await;
        panic!("later")
    }));
    assert_eq!(error, Err(SubmitError::Panicked("later".to_owned())));
    assert_eq!(block_on(workers.submit(|| 1)), Ok(1));
}

#[test]
fn ten_waits_on_one_worker_pass_together() {
    let workers = workers(1, 100);
    let wait = Duration::from_millis(100);
    // The waits begin when the worker has shown that it is free meanwhile.
    let started = Arc::new(OnceLock::<Instant>::new());
    let all: Vec<Submitted<Duration>> = (0..10)
        .map(|_| {
            let started = Arc::clone(&started);
            workers.submit_async(move || async move {
                let elapsed = || started.get().map_or(Duration::ZERO, Instant::elapsed);
                next::worker_yield(|| elapsed() >= wait).await;
                elapsed()
            })
        })
        .collect();
    while workers.load().begun < 10 {
        thread::yield_now();
    }
    assert_eq!(block_on(workers.submit(|| 1)), Ok(1));
    started.set(Instant::now()).unwrap();
    for one in all {
        let took = block_on(one).unwrap();
        // One after the other they would take 1 s.
        assert!(took >= wait && took < wait * 5, "{took:?}");
    }
}

#[test]
fn busy_workers_hand_over_the_watch_of_those_that_wait() {
    let workers = workers(2, 100);
    for round in 0..50 {
        let go = Arc::new(AtomicBool::new(false));
        let see = Arc::clone(&go);
        let waits =
            workers.submit_async(move || next::worker_yield(move || see.load(Ordering::Relaxed)));
        // Both are idle, one of them for as long as it may be.
        while workers.load().begun == 0 || workers.load().running > 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(round * 37));
        // Whichever of the two looks after it, the other one can take that over.
        let door = Door::default();
        let occupied = occupy(&workers, &door);
        go.store(true, Ordering::Relaxed);
        assert_eq!(block_on(waits), Ok(()));
        door.open();
        block_on(occupied).unwrap();
    }
}

#[test]
fn a_device_may_wake_by_itself() {
    let workers = workers(1, 100);
    for _ in 0..200 {
        let (device, wakers) = mpsc::channel::<Waker>();
        let callback = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let submitted = workers.submit_async(move || async move {
            let mut left = 20;
            std::future::poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(left);
                }
                left -= 1;
                device.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await
        });
        assert_eq!(block_on(submitted), Ok(0));
        callback.join().unwrap();
    }
    assert_eq!(workers.load().begun, 0);
}

#[test]
fn worker_yield_elsewhere_says_what_to_do() {
    fn panic_of(code: impl FnOnce()) -> String {
        panic_message(std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).unwrap_err())
    }
    let said = panic_of(|| block_on(next::worker_yield(|| true)));
    assert!(said.contains("given to `next::submit_async`"), "{said}");
    // Nor in a closure, which cannot give its thread back.
    let workers = workers(1, 10);
    block_on(workers.submit_async(async || ())).unwrap();
    match block_on(workers.submit(|| block_on(next::worker_yield(|| true)))) {
        Err(SubmitError::Panicked(said)) => {
            assert!(said.contains("given to `next::submit_async`"), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clean_stop_does_what_there_is() {
    // Often, because threads that wait, look out for others or end have to be told in time.
    for _ in 0..50 {
        clean_stop();
    }
}

fn clean_stop() {
    let workers = workers(2, 1000);
    let all: Vec<Submitted<u32>> = (0..20)
        .map(|number| {
            workers.submit_async(move || async move {
                let mut polls = 0;
                next::worker_yield(|| {
                    polls += 1;
                    polls > 3
                })
                .await;
                number
            })
        })
        .collect();
    let start = Instant::now();
    assert!(workers.stop(start + LONG));
    assert!(start.elapsed() < LONG, "a thread has not been told");
    assert_eq!(workers.load(), Load::default());
    for (number, one) in (0..).zip(all) {
        assert_eq!(block_on(one), Ok(number));
    }
    let late = block_on(workers.submit(|| ())).unwrap_err();
    assert_eq!((late.clone(), late.status()), (SubmitError::Stopped, 503));
}

#[test]
fn a_stop_at_its_deadline_leaves_nobody_waiting() {
    let workers = workers(2, 100);
    let door = Door::default();
    let held = Arc::new(());
    let (one, two) = (occupy(&workers, &door), Arc::clone(&held));
    // Waits for a waker that is kept but not used; one that yields for ever; one that never begins.
    let (keep, kept) = mpsc::channel();
    let lost = workers.submit_async(move || async move {
        let _held = two;
        std::future::poll_fn::<(), _>(|cx| {
            keep.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
    });
    let waker: Waker = kept.recv_timeout(LONG).unwrap();
    let yields = workers.submit_async(|| next::worker_yield(|| false));
    while workers.load().begun < 2 || workers.load().running > 1 {
        thread::yield_now();
    }
    let also = occupy(&workers, &door);
    let three = Arc::clone(&held);
    let queued = workers.submit(move || drop(three));
    assert!(!workers.stop(Instant::now() + Duration::from_millis(5)));
    for left in [one, lost, yields, also, queued] {
        assert_eq!(block_on(left), Err(SubmitError::Stopped));
    }
    assert_eq!(Arc::strong_count(&held), 1);
    waker.wake();
    door.open();
}

/// This process's threads whose names begin with `name`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Threads {
    count: usize,
    /// Those that sleep in the kernel.
    sleeping: usize,
    /// Processor time, in clock ticks.
    ticks: u64,
    /// How often they have begun to wait.
    waits: u64,
}

fn threads_called(name: &str) -> Threads {
    let mut threads = Threads::default();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let read = |file| std::fs::read_to_string(task.as_ref().unwrap().path().join(file));
        // A thread of another test may have ended.
        let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else {
            continue;
        };
        if !stat.contains(&format!("({name}")) {
            continue;
        }
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        let number = |text: &str| text.parse::<u64>().unwrap();
        threads.count += 1;
        threads.sleeping += usize::from(fields[0] == "S");
        threads.ticks += number(fields[11]) + number(fields[12]);
        threads.waits += number(line.unwrap().rsplit('\t').next().unwrap());
    }
    threads
}

#[test]
fn an_idle_pool_does_nothing() {
    let config = WorkersConfig {
        threads: 3,
        name: "idle-".to_owned(),
        ..WorkersConfig::default()
    };
    let workers = Workers::new(&config).unwrap();
    // It has worked, and one of its threads has looked after somebody.
    let end = Instant::now() + Duration::from_millis(3);
    let waits = workers.submit_async(move || next::worker_yield(move || Instant::now() >= end));
    block_on(waits).unwrap();
    // All have come to rest when they sleep and no longer change.
    let mut before = threads_called("idle-");
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        let after = threads_called("idle-");
        if after.sleeping == 3 && after == before {
            break;
        }
        before = after;
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(threads_called("idle-"), before);
    assert_eq!((before.count, before.sleeping), (3, 3));
}

/// What can become of work in [`at_random`]. Returns whether it was certainly done.
fn random_work(workers: &Workers, random: u64, token: &Arc<AtomicUsize>) -> bool {
    let count = Arc::clone(token);
    let add = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let submitted = match random % 4 {
        0 => workers.submit(add),
        1 => workers.submit(move || {
            add();
            std::panic::resume_unwind(Box::new("on purpose"))
        }),
        2 => workers.submit_async(move || async move {
            for _ in 0..random >> 8 & 3 {
                next::yield_now().await;
            }
            add();
        }),
        _ => workers.submit_async(move || async move {
            let mut polls = random >> 8 & 3;
            next::worker_yield(|| {
                polls = polls.saturating_sub(1);
                polls == 0
            })
            .await;
            add();
        }),
    };
    match random >> 4 & 7 {
        0 => drop(submitted),
        1 => {
            let _refused = submitted.detach();
        }
        _ => match block_on(submitted) {
            Ok(()) => {
                assert!(random % 4 != 1);
                return true;
            }
            Err(SubmitError::Panicked(said)) => {
                assert!(random % 4 == 1 && said == "on purpose");
                return true;
            }
            Err(SubmitError::QueueFull) => thread::yield_now(),
            Err(SubmitError::Stopped) => {}
            Err(error) => panic!("{error}"),
        },
    }
    false
}

/// Several threads submit, wait, drop and detach; everything is resolved and dropped, stopped in the middle or not.
fn at_random(seed: u64, stopped: bool) {
    let workers = workers(1 + seed as usize % 3, 3);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let workers = Arc::clone(&workers);
            thread::spawn(move || {
                let mut random = (seed * 4 + thread).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let token = Arc::new(AtomicUsize::new(0));
                let mut done = 0;
                for _ in 0..200 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    done += usize::from(random_work(&workers, random, &token));
                }
                (token, done)
            })
        })
        .collect();
    if stopped {
        thread::sleep(Duration::from_micros(seed * 131 % 4000));
        workers.stop(Instant::now() + Duration::from_micros(seed * 17 % 300));
    }
    let tokens: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert!(workers.stop(Instant::now() + LONG));
    assert_eq!(workers.load(), Load::default(), "seed {seed}");
    for (token, done) in tokens {
        // A thread that was left alone at a deadline may still be at its last work.
        let end = Instant::now() + LONG;
        while Arc::strong_count(&token) > 1 {
            assert!(Instant::now() < end, "seed {seed}: something is kept");
            thread::yield_now();
        }
        let ran = token.load(Ordering::Relaxed);
        assert!((done..=200).contains(&ran), "seed {seed}: {ran} for {done}");
    }
}

#[test]
fn whatever_is_submitted_is_resolved() {
    for seed in 0..60 {
        at_random(seed, seed % 2 == 1);
    }
}

#[test]
fn dropping_the_pool_stops_it() {
    let workers = workers(1, 100);
    let door = Door::default();
    let running = occupy(&workers, &door);
    let queued = workers.submit(|| ());
    drop(workers);
    assert_eq!(block_on(queued), Err(SubmitError::Stopped));
    assert_eq!(block_on(running), Err(SubmitError::Stopped));
    door.open();
}

#[test]
fn a_worker_may_submit_but_others_may_not() {
    let error = block_on(next::submit(|| ())).unwrap_err();
    assert_eq!((error.clone(), error.status()), (SubmitError::NoPool, 500));
    assert!(error.to_string().contains("at least one worker"));
    let workers = workers(1, 100);
    let submitted = workers.submit_async(|| async {
        let one = next::submit(|| 1).await?;
        let two = next::submit_async(async || 2).await?;
        Ok::<_, SubmitError>(one + two)
    });
    assert_eq!(block_on(submitted), Ok(Ok(3)));
}

#[test]
fn a_worker_wakes_the_task_that_waits_for_it() {
    let (ring, rung) = mpsc::channel();
    let executor = Executor::new(Arc::new(move || ring.send(()).unwrap()), 100);
    let _entered = enter(Rc::clone(&executor));
    assert_eq!(next::submit(|| ()).detach(), Err(SubmitError::NoPool));
    executor.set_workers(workers(2, 1000));
    for number in 0..1000 {
        let task = next::go(async move { next::submit(move || number + 1).await }).unwrap();
        executor.run(10);
        while !task.is_finished() {
            if !executor.is_ready() {
                rung.recv_timeout(LONG).unwrap();
            }
            executor.run(10);
        }
        let mut task = pin!(task);
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Ok(Ok(number + 1))));
    }
}

#[test]
#[cfg(debug_assertions)]
fn blocking_an_io_thread_on_a_worker_is_noticed() {
    let executor = Executor::new(Arc::new(|| ()), 100);
    let _entered = enter(Rc::clone(&executor));
    let pool = workers(1, 10);
    executor.set_workers(Arc::clone(&pool));
    let door = Door::default();
    let occupied = occupy(&pool, &door);
    let blocked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = block_on(next::submit(|| ()));
    }));
    let said = panic_message(blocked.unwrap_err());
    assert!(
        said.contains("Submitted was waited for on an I/O thread"),
        "{said}"
    );
    door.open();
    drop(occupied);
}
