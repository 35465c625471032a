//! The executor against a model of it: whatever is started, woken, aborted and ended in whatever order.

use super::{Executor, JoinError, JoinHandle, TaskId, enter};
use proptest::{collection::vec, prelude::*};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

const TASKS_MAX: usize = 12;

/// What a task does when it is polled. Numbers name tasks, modulo how many there have been.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Wait,
    WakeSelf,
    Wake(usize),
    Finish,
    Panic,
    Abort(usize),
    /// Starts one that waits, once: it only waits itself from then on.
    Spawn {
        now: bool,
    },
}

#[derive(Clone, Debug)]
enum Step {
    Spawn { now: bool, joined: bool, mode: Mode },
    Mode(usize, Mode),
    Wake { task: usize, remote: bool },
    Abort(usize),
    Run(usize),
    AbortAll,
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        4 => Just(Mode::Wait),
        2 => Just(Mode::WakeSelf),
        2 => any::<usize>().prop_map(Mode::Wake),
        2 => Just(Mode::Finish),
        1 => Just(Mode::Panic),
        1 => any::<usize>().prop_map(Mode::Abort),
        1 => any::<bool>().prop_map(|now| Mode::Spawn { now }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let spawn = (any::<bool>(), any::<bool>(), mode());
    prop_oneof![
        20 => spawn.prop_map(|(now, joined, mode)| Step::Spawn { now, joined, mode }),
        20 => (any::<usize>(), mode()).prop_map(|(task, mode)| Step::Mode(task, mode)),
        30 => (any::<usize>(), any::<bool>()).prop_map(|(task, remote)| Step::Wake { task, remote }),
        6 => any::<usize>().prop_map(Step::Abort),
        20 => (0usize..8).prop_map(Step::Run),
        1 => Just(Step::AbortAll),
    ]
}

/// What both sides report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Polled(usize),
    Dropped(usize),
    Refused,
}

type End = Result<usize, JoinError>;

/// What can be done to both.
trait Side {
    fn spawn(&mut self, now: bool, joined: bool, mode: Mode);
    fn set_mode(&mut self, task: usize, mode: Mode);
    fn wake(&mut self, task: usize, remote: bool);
    fn abort(&mut self, task: usize);
    fn run(&mut self, quantum: usize);
    fn abort_all(&mut self);

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Spawn { now, joined, mode } => self.spawn(now, joined, mode),
            Step::Mode(task, mode) => self.set_mode(task, mode),
            Step::Wake { task, remote } => self.wake(task, remote),
            Step::Abort(task) => self.abort(task),
            Step::Run(quantum) => self.run(quantum),
            Step::AbortAll => self.abort_all(),
        }
    }
}

struct ModelTask {
    mode: Mode,
    joined: bool,
    alive: bool,
    /// It has been polled, so its waker is known.
    waker: bool,
    /// Its name is known, which for one that is started now is so after its first poll.
    named: bool,
    queued: bool,
    polling: bool,
    aborted: bool,
    end: Option<End>,
}

#[derive(Default)]
struct Model {
    tasks: Vec<ModelTask>,
    ready: VecDeque<usize>,
    remote: Vec<usize>,
    notices: usize,
    panics: u64,
    events: Vec<Event>,
}

impl Model {
    fn len(&self) -> usize {
        self.tasks.iter().filter(|task| task.alive).count()
    }

    fn queue(&mut self, index: usize, remote: bool) {
        if std::mem::replace(&mut self.tasks[index].queued, true) {
            return;
        }
        if !remote {
            self.ready.push_back(index);
            return;
        }
        self.remote.push(index);
        if self.remote.len() == 1 {
            self.notices += 1;
        }
    }

    fn end(&mut self, index: usize, end: End) {
        let task = &mut self.tasks[index];
        task.alive = false;
        task.end = Some(end);
        self.events.push(Event::Dropped(index));
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        if !task.alive || task.polling {
            return;
        }
        task.queued = false;
        task.waker = true;
        task.polling = true;
        self.events.push(Event::Polled(index));
        let end = match self.tasks[index].mode {
            Mode::Finish => Some(Ok(index)),
            Mode::Panic => {
                self.panics += 1;
                Some(Err(JoinError::Panicked(index.to_string())))
            }
            mode => {
                self.acts(index, mode);
                None
            }
        };
        self.tasks[index].polling = false;
        let aborted = self.tasks[index]
            .aborted
            .then_some(Err(JoinError::Cancelled));
        if let Some(end) = end.or(aborted) {
            self.end(index, end);
        }
    }

    fn acts(&mut self, index: usize, mode: Mode) {
        match mode {
            Mode::WakeSelf => self.queue(index, false),
            Mode::Wake(other) => self.wake(other, false),
            Mode::Abort(other) => self.abort(other),
            Mode::Spawn { now } => {
                self.tasks[index].mode = Mode::Wait;
                self.spawn(now, true, Mode::Wait);
            }
            Mode::Wait | Mode::Finish | Mode::Panic => {}
        }
    }
}

impl Side for Model {
    fn spawn(&mut self, now: bool, joined: bool, mode: Mode) {
        if self.len() >= TASKS_MAX {
            self.events.push(Event::Refused);
            return;
        }
        let index = self.tasks.len();
        self.tasks.push(ModelTask {
            mode,
            joined,
            alive: true,
            waker: false,
            named: !now,
            queued: false,
            polling: false,
            aborted: false,
            end: None,
        });
        if now {
            self.poll(index);
            self.tasks[index].named = true;
        } else {
            self.queue(index, false);
        }
    }

    fn set_mode(&mut self, task: usize, mode: Mode) {
        if !self.tasks.is_empty() {
            let index = task % self.tasks.len();
            self.tasks[index].mode = mode;
        }
    }

    fn wake(&mut self, task: usize, remote: bool) {
        if !self.tasks.is_empty() && self.tasks[task % self.tasks.len()].waker {
            self.queue(task % self.tasks.len(), remote);
        }
    }

    fn abort(&mut self, task: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let index = task % self.tasks.len();
        let task = &mut self.tasks[index];
        if !task.alive || !task.named {
            return;
        }
        task.aborted = true;
        if !task.polling {
            self.end(index, Err(JoinError::Cancelled));
        }
    }

    fn run(&mut self, quantum: usize) {
        self.ready.extend(self.remote.drain(..));
        for _ in 0..quantum {
            let Some(index) = self.ready.pop_front() else {
                break;
            };
            self.poll(index);
        }
    }

    fn abort_all(&mut self) {
        for index in 0..self.tasks.len() {
            if self.tasks[index].alive {
                self.end(index, Err(JoinError::Cancelled));
            }
        }
    }
}

struct RealTask {
    mode: Cell<Mode>,
    waker: RefCell<Option<Waker>>,
    id: Cell<Option<TaskId>>,
    handle: RefCell<Option<JoinHandle<usize>>>,
}

#[derive(Clone)]
struct Real {
    executor: Rc<Executor>,
    tasks: Rc<RefCell<Vec<Rc<RealTask>>>>,
    events: Rc<RefCell<Vec<Event>>>,
}

/// A task's future.
struct Scripted {
    index: usize,
    task: Rc<RealTask>,
    real: Real,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let event = Event::Dropped(self.index);
        self.real.events.borrow_mut().push(event);
    }
}

impl Future for Scripted {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let event = Event::Polled(self.index);
        self.real.events.borrow_mut().push(event);
        self.task.waker.replace(Some(cx.waker().clone()));
        match self.task.mode.get() {
            Mode::Wait => {}
            Mode::WakeSelf => cx.waker().wake_by_ref(),
            Mode::Wake(other) => self.real.wake(other, false),
            Mode::Finish => return Poll::Ready(self.index),
            Mode::Panic => std::panic::resume_unwind(Box::new(self.index.to_string())),
            Mode::Abort(other) => self.real.abort(other),
            Mode::Spawn { now } => {
                self.task.mode.set(Mode::Wait);
                self.real.spawn(now, true, Mode::Wait);
            }
        }
        Poll::Pending
    }
}

impl Real {
    fn task(&self, number: usize) -> Option<Rc<RealTask>> {
        let tasks = self.tasks.borrow();
        let index = number.checked_rem(tasks.len())?;
        Some(Rc::clone(&tasks[index]))
    }
}

impl Side for Real {
    fn spawn(&mut self, now: bool, joined: bool, mode: Mode) {
        // Dropping the future of a refused task would look like a task's end.
        if self.executor.len() >= TASKS_MAX {
            assert!(self.executor.spawn(async {}).is_err());
            self.events.borrow_mut().push(Event::Refused);
            return;
        }
        let task = Rc::new(RealTask {
            mode: Cell::new(mode),
            waker: RefCell::default(),
            id: Cell::new(None),
            handle: RefCell::default(),
        });
        let index = self.tasks.borrow().len();
        self.tasks.borrow_mut().push(Rc::clone(&task));
        let future = Scripted {
            index,
            task: Rc::clone(&task),
            real: self.clone(),
        };
        match (now, joined) {
            (true, false) => task
                .id
                .set(self.executor.spawn_now_detached(future).unwrap()),
            (false, false) => task
                .id
                .set(Some(self.executor.spawn_detached(future).unwrap())),
            (_, true) => {
                let handle = if now {
                    self.executor.spawn_now(future).unwrap()
                } else {
                    self.executor.spawn(future).unwrap()
                };
                task.id.set(Some(handle.id()));
                task.handle.replace(Some(handle));
            }
        }
    }

    fn set_mode(&mut self, task: usize, mode: Mode) {
        if let Some(task) = self.task(task) {
            task.mode.set(mode);
        }
    }

    fn wake(&mut self, task: usize, remote: bool) {
        let waker = self.task(task).and_then(|task| task.waker.borrow().clone());
        let Some(waker) = waker else { return };
        if remote {
            thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join().unwrap());
        } else {
            waker.wake();
        }
    }

    fn abort(&mut self, task: usize) {
        if let Some(id) = self.task(task).and_then(|task| task.id.get()) {
            self.executor.abort(id);
        }
    }

    fn run(&mut self, quantum: usize) {
        self.executor.run(quantum);
    }

    fn abort_all(&mut self) {
        self.executor.abort_all();
    }
}

/// The end of a task, once it is over.
fn end(task: &RealTask) -> Option<End> {
    let mut handle = task.handle.borrow_mut();
    handle.as_ref().filter(|handle| handle.is_finished())?;
    let handle = handle.take()?;
    match pin!(handle).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(end) => Some(end),
        Poll::Pending => None,
    }
}

/// All that can be seen of both, after `step`.
fn compare(real: &Real, model: &mut Model, notices: &AtomicUsize, step: &Step) {
    let mut seen = real.events.take();
    let mut expected = std::mem::take(&mut model.events);
    if matches!(step, Step::AbortAll) {
        // In whatever order.
        seen.sort_by_key(|event| format!("{event:?}"));
        expected.sort_by_key(|event| format!("{event:?}"));
    }
    assert_eq!(seen, expected, "{step:?}");
    assert_eq!(real.executor.len(), model.len(), "{step:?}");
    assert_eq!(real.executor.panics(), model.panics, "{step:?}");
    assert_eq!(notices.load(Ordering::SeqCst), model.notices, "{step:?}");
    let ready = !(model.ready.is_empty() && model.remote.is_empty());
    assert_eq!(real.executor.is_ready(), ready, "{step:?}");
    for (task, expected) in real.tasks.borrow().iter().zip(&mut model.tasks) {
        let joined = expected.joined;
        let expected = expected.end.take().filter(|_| joined);
        assert_eq!(end(task), expected, "{step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_executor_does_as_its_model_does(steps in vec(step(), 1..150)) {
        let notices = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&notices);
        let notify = move || {
            count.fetch_add(1, Ordering::SeqCst);
        };
        let executor = Executor::new(Arc::new(notify), TASKS_MAX);
        let entered = enter(Rc::clone(&executor));
        let mut real = Real { executor, tasks: Rc::default(), events: Rc::default() };
        let mut model = Model::default();
        for step in &steps {
            real.step(step);
            model.step(step);
            compare(&real, &mut model, &notices, step);
        }
        // Tasks know their executor here: nobody would end them.
        real.abort_all();
        drop(entered);
        prop_assert_eq!(Rc::strong_count(&real.executor), 1);
    }
}
