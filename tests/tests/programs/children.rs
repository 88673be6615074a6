//! One program, in a process of its own, under a time limit.

use std::fmt;
use std::fmt::Display;
use std::fmt::Formatter;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::Block;
use crate::PROGRAM;

/// How long a program may take. A drain that does not end takes longer.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// How a program failed, with what it said.
pub(crate) enum Failed {
    /// It ended.
    Status(String),
    /// It did not, in time.
    Late(String),
}

impl Display for Failed {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(said) => write!(formatter, "{said}"),
            Self::Late(said) => {
                write!(formatter, "it did not end within {} s\n{said}", LIMIT.as_secs())
            }
        }
    }
}

/// Runs it.
pub(crate) fn run(block: &Block) -> Result<(), Failed> {
    let this = std::env::current_exe().expect("this program");
    let mut command = match block.is_interrupted {
        // Until it listens to Ctrl-C, that does nothing. The shell says when that is so.
        true => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' INT; echo; exec \"$0\""]).arg(this);
            shell
        }
        false => Command::new(this),
    };
    command.env(PROGRAM, block.name).env_remove("NATS_URL");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    if block.is_interrupted
        && let Some(output) = &mut child.stdout
    {
        let _ = output.read(&mut [0]);
    }
    let begin = Instant::now();
    let mut is_late = false;
    while matches!(child.try_wait(), Ok(None)) {
        if begin.elapsed() > LIMIT {
            is_late = true;
            let _ = child.kill();
            break;
        }
        if block.is_interrupted {
            let id = child.id().to_string();
            let _ = Command::new("kill").args(["-s", "INT", &id]).status();
        }
        std::thread::sleep(PAUSE);
    }
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    match output.status {
        status if status.success() => Ok(()),
        _ if is_late => Err(Failed::Late(format!("{said}{complained}"))),
        status => Err(Failed::Status(format!("{status}\n{said}{complained}"))),
    }
}
