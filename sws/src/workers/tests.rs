use super::*;
use crate::{
    next,
    task::{Executor, enter, panic_message},
};
use std::{
    pin::pin,
    rc::Rc,
    sync::{
        Condvar,
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
    let start = Instant::now();
    let wait = Duration::from_millis(100);
    let all: Vec<Submitted<()>> = (0..10)
        .map(|_| {
            workers.submit_async(move || async move {
                let done = Instant::now() + wait;
                next::worker_yield(|| Instant::now() >= done).await;
            })
        })
        .collect();
    // The worker is free meanwhile.
    let id = block_on(workers.submit(|| thread::current().id())).unwrap();
    assert_ne!(id, thread::current().id());
    assert!(start.elapsed() < wait, "it had to wait for those that wait");
    for one in all {
        block_on(one).unwrap();
    }
    assert!(start.elapsed() >= wait);
    // One after the other they would take 1 s.
    assert!(start.elapsed() < wait * 5, "{:?}", start.elapsed());
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

/// Processor time of this process's threads whose names begin with `name`, in clock ticks, and how often they
/// have waited.
fn cost_of_threads(name: &str) -> (u64, u64) {
    let (mut ticks, mut switches) = (0, 0);
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let read = |file| std::fs::read_to_string(task.as_ref().unwrap().path().join(file));
        // A thread of another test may have ended.
        let (Ok(stat), Ok(status)) = (read("stat"), read("status")) else {
            continue;
        };
        if !stat.contains(&format!("({name}")) {
            continue;
        }
        let fields = stat.rsplit(") ").next().unwrap().split(' ');
        ticks += fields
            .skip(11)
            .take(2)
            .map(|n| n.parse::<u64>().unwrap())
            .sum::<u64>();
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        switches += line
            .unwrap()
            .rsplit('\t')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap();
    }
    (ticks, switches)
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
    let started = |line: &str| line.starts_with("idle-");
    let names = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
            .filter(|line| started(line))
            .count()
    };
    assert_eq!(names(), 3);
    // All have come to rest when they no longer change.
    let mut before = cost_of_threads("idle-");
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(50));
        let after = cost_of_threads("idle-");
        if after == before {
            break;
        }
        before = after;
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(cost_of_threads("idle-"), before);
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
