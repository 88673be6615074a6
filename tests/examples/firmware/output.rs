//! The output of a device: lines of text, or frames of `defmt`, which take the firmware to understand.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;

use defmt_decoder::DecodeError;
use defmt_decoder::Table;

/// Tells the lines of a device's output, until it ends. `false` if the firmware logs with `defmt`, and the
/// output is something else.
pub(crate) fn read(output: impl Read, firmware: &[u8], tell: impl FnMut(String)) -> bool {
    match Table::parse(firmware).expect("firmware with a table that is understood") {
        Some(table) => read_frames(output, &table, tell),
        None => {
            BufReader::new(output).lines().map_while(Result::ok).for_each(tell);
            true
        }
    }
}

fn read_frames(mut output: impl Read, table: &Table, mut tell: impl FnMut(String)) -> bool {
    let mut decoder = table.new_stream_decoder();
    let mut buffer = [0; 1024];
    while let Ok(len @ 1..) = output.read(&mut buffer) {
        decoder.received(&buffer[..len]);
        loop {
            match decoder.decode() {
                Ok(frame) => tell(frame.display(false).to_string()),
                Err(DecodeError::UnexpectedEof) => break,
                Err(DecodeError::Malformed) => return false,
            }
        }
    }
    true
}
