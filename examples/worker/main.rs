//! A work queue whose servers are killed one by one: `cargo run --example worker -- [JOBS [WORKERS]]`.
//!
//! Two producers publish jobs to a work queue, and several workers work on them, each on a connection of
//! its own. A job takes up to twice the queue's `ack_wait`. At the end the program says what became of the
//! jobs, and fails if one is missing.
//!
//! Without `NATS_URL` it starts three servers, with the queue on all of them, and kills them one after the
//! other (`SIGKILL`) while jobs are published and worked on. nats-server is what `NATS_SERVER` names, or
//! what `cargo xtask test` has obtained. With `NATS_URL` it uses the server there, and kills nothing.

mod crew;
mod servers;
mod tally;

use std::error::Error;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nats_examples::command;
use nats_examples::command::Misuse;
use tokio::sync::watch;

use crate::crew::Crew;
use crate::servers::Servers;
use crate::tally::Tally;

const USAGE: &str = "usage: worker [JOBS [WORKERS]]

Publishes JOBS jobs, by default 600, to a work queue, and has WORKERS workers work on them, by default 3.
Each works on 8 jobs at a time; a job takes up to twice as long as the queue waits for an
acknowledgement. Says at the end what became of the jobs. Ctrl-C ends it earlier.

Starts three servers, and kills them one after the other while jobs are worked on; nats-server is what
NATS_SERVER names, or what cargo xtask test has obtained. With NATS_URL it uses the server there, and
kills nothing.";

/// How long nothing may be worked on before what is left counts as missing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it says how far it is.
const PAUSE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    command::end(run(&command::arguments(USAGE)).await)
}

async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (jobs, workers) = match arguments {
        [] => (600, 3),
        [jobs] => (command::count(jobs, USAGE)?, 3),
        [jobs, workers] => (command::count(jobs, USAGE)?, command::count(workers, USAGE)?),
        _ => return Err(Misuse(USAGE).into()),
    };
    if jobs == 0 || workers == 0 {
        return Err(Misuse(USAGE).into());
    }
    let interrupted = command::interrupted();
    let (stop, stopped) = watch::channel(false);
    let tally = Arc::new(Tally::new(usize::try_from(jobs)?));
    let mut work = pin!(work(Arc::clone(&tally), workers, stopped));
    tokio::select! {
        result = work.as_mut() => return result,
        () = interrupted => {}
    }
    println!(
        "stopping: the jobs that are being worked on are finished; once more, and it ends at once"
    );
    stop.send_replace(true);
    let interrupted = command::interrupted();
    tokio::select! {
        result = work => result,
        // With it go the servers.
        () = interrupted => Err("interrupted".into()),
    }
}

/// Has all jobs published and worked on, or those until it is stopped.
async fn work(
    tally: Arc<Tally>,
    workers: u64,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error>> {
    let mut servers = Servers::find().await?;
    let crew = Crew::start(&servers, &tally, workers, stopped.clone()).await?;
    let complete = async {
        // All servers are killed, even if all jobs are done by then.
        tokio::try_join!(servers.kill_one_by_one(&tally, &crew), tally.until_complete(PATIENCE))
    };
    tokio::select! {
        result = complete => {
            if let Err(error) = result {
                eprintln!("{error}");
            }
        }
        () = report(&tally) => {}
        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
    }
    let is_stopped = *stopped.borrow();
    crew.finish().await;
    if tally.print(is_stopped) { Ok(()) } else { Err("jobs are missing".into()) }
}

/// Says from time to time how far it is.
async fn report(tally: &Tally) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let counts = tally.counts();
        println!("{} jobs published, {} worked on", counts.published, counts.worked_on);
    }
}
