//! What became of each job.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::watch;

/// A job, as far as this program has heard of it.
#[derive(Clone, Copy, Default)]
struct Job {
    /// Whether the server has acknowledged that it is in the queue.
    is_published: bool,
    /// How often the work was done.
    worked_on: u32,
}

/// How many jobs are how far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) published: usize,
    pub(crate) worked_on: usize,
}

pub(crate) struct Tally {
    jobs: Mutex<Vec<Job>>,
    counts: watch::Sender<Counts>,
}

impl Tally {
    pub(crate) fn new(jobs: usize) -> Self {
        let jobs = Mutex::new(vec![Job::default(); jobs]);
        Self { jobs, counts: watch::Sender::new(Counts::default()) }
    }

    /// How many jobs there are to be.
    pub(crate) fn len(&self) -> usize {
        self.jobs().len()
    }

    /// Notes that a job is in the queue.
    pub(crate) fn published(&self, number: usize) {
        if let Some(job) = self.jobs().get_mut(number) {
            job.is_published = true;
            self.counts.send_modify(|counts| counts.published += 1);
        }
    }

    /// Notes that the work of a job is done.
    pub(crate) fn worked_on(&self, number: usize) {
        if let Some(job) = self.jobs().get_mut(number) {
            job.worked_on += 1;
            let is_first = job.worked_on == 1;
            self.counts.send_modify(|counts| counts.worked_on += usize::from(is_first));
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until so many jobs are worked on.
    pub(crate) async fn until_worked_on(&self, count: usize) {
        // The sender is here.
        let _ = self.counts.subscribe().wait_for(|counts| counts.worked_on >= count).await;
    }

    /// Waits until all jobs are worked on; an error if none is for too long.
    pub(crate) async fn until_complete(&self, patience: Duration) -> Result<(), &'static str> {
        loop {
            let count = self.counts().worked_on;
            if count == self.len() {
                return Ok(());
            }
            let next = self.until_worked_on(count + 1);
            let next = tokio::time::timeout(patience, next).await;
            next.map_err(|_| "nothing is worked on any more")?;
        }
    }

    /// Says what became of the jobs, and whether that is as it should be.
    pub(crate) fn print(&self, is_stopped: bool) -> bool {
        let jobs = self.jobs();
        let count = |is_so: fn(&Job) -> bool| jobs.iter().filter(|job| is_so(job)).count();
        let left = count(|job| job.is_published && job.worked_on == 0);
        println!("published:      {} of {} jobs", count(|job| job.is_published), jobs.len());
        println!("worked on:      {}", count(|job| job.worked_on > 0));
        println!("more than once: {}", in_words(count(|job| job.worked_on > 1)));
        if is_stopped {
            println!("left to do:     {}", in_words(left));
            return true;
        }
        // One that was worked on was published, whether or not that was acknowledged.
        let missing = count(|job| job.worked_on == 0);
        println!("missing:        {}", in_words(missing));
        missing == 0
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, Vec<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_words(count: usize) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}
