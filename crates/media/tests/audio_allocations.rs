//! What 20 ms of audio cost: no allocation, whatever is done to them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use coeur_media::codec::comfort::NoiseLevel;
use coeur_media::codec::{Codec, Encoder, PAYLOAD_BYTES_MAX};
use coeur_media::jitter::{Arrival, Content, JitterBuffer, Settings};
use coeur_media::mix::Mixer;
use coeur_media::record::{Container, Player, Prompt, Recorder, wav};
use coeur_media::resample::Resampler;
use coeur_media::rtp::{Rtp, Source};
use coeur_media::talk::{Ear, Events, Hears, Mouth, Says};
use coeur_media::tone::detect::Detector;
use coeur_media::tone::event::{Receiver, Sender};
use coeur_media::tone::plan::{Region, Signal};
use coeur_media::tone::{Digit, Generator};
use coeur_media::transcode::{Format, Heard, Output, Transcoder};
use coeur_sip::time::Monotonic;

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn saw(samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (n * 131 % 16_000) as i16 - 8_000).collect()
}

fn payloads(codec: Codec) -> Vec<Vec<u8>> {
    let rate_hz = codec.rate_hz();
    let mut encoder = Encoder::new(codec, rate_hz).unwrap();
    let mut payload = [0; PAYLOAD_BYTES_MAX];
    saw(rate_hz as usize)
        .chunks_exact(rate_hz as usize / 50)
        .map(|frame| {
            let bytes = encoder.encode(frame, &mut payload).unwrap().unwrap();
            payload[..bytes].to_vec()
        })
        .collect()
}

#[test]
fn a_frame_goes_from_any_format_to_any_other_without_an_allocation() {
    assert!(allocations(|| drop(saw(10))) > 0, "the counter counts");
    for (from, to) in Codec::ALL.into_iter().flat_map(|from| Codec::ALL.into_iter().map(move |to| (from, to)))
    {
        let payloads = payloads(from);
        let format = |codec, frame_ms| Format { codec, frame_ms };
        let mut transcoder = Transcoder::new(format(from, 20), format(to, 40), 1).unwrap();
        let mut bytes = 0;
        let counted = allocations(|| {
            for (at, payload) in payloads.iter().enumerate() {
                let heard = match at % 10 {
                    3 => Heard::Lost { ms: 20 },
                    5 => Heard::LostBefore { ms: 20, next: payload },
                    7 => Heard::Silence { ms: 20, level: NoiseLevel::from_payload(&[50]) },
                    8 => Heard::Spliced(payload),
                    _ => Heard::Payload(payload),
                };
                let send = |output: Output<'_>| {
                    if let Output::Payload(payload) = output {
                        bytes += payload.len();
                    }
                };
                transcoder.push(heard, send).unwrap();
            }
        });
        assert_eq!(counted, 0, "{from:?} {to:?}");
        assert!(bytes > 0);
    }
}

#[test]
fn what_is_said_on_a_stream_and_heard_there_costs_no_allocation() {
    for codec in Codec::ALL {
        let events = Some(Events { payload: 101, clock_hz: codec.clock_hz() });
        let format = Format { codec, frame_ms: 20 };
        let rate_hz = codec.rate_hz().min(16_000);
        let says = Says { payload: 96, format, events, rate_hz, opus: None };
        let mut mouth = Mouth::new(says, Source::new([1; 10], codec.clock_hz())).unwrap();
        let formats = [(96, codec)].into();
        let hears = Hears { formats, events, noise: None, rate_hz, keys_in_sound: true };
        let mut ear = Ear::new(hears, 1).unwrap();
        let mut room = saw(rate_hz as usize / 50);
        let mut keys = 0;
        let counted = allocations(|| {
            for at in 0..500u64 {
                let now = Monotonic::from_millis(1_000 + 20 * at);
                if at % 100 == 50 {
                    mouth.press(Digit::from_char('1').unwrap(), 100);
                }
                mouth.say(now, &mut room, |packet| {
                    if at % 17 != 3 {
                        ear.receive(now, &Rtp::parse(packet).unwrap(), |_| keys += 1);
                    }
                });
                ear.listen(now, &mut room, |_| keys += 1);
            }
        });
        assert_eq!(counted, 0, "{codec:?}");
        assert!(keys >= 8, "{codec:?}: {keys}");
    }
}

#[test]
fn a_packet_goes_through_the_jitter_buffer_without_an_allocation() {
    let settings = Settings { clock_hz: 8_000, frame_ms: 20, delay_ms_min: 40, delay_ms_max: 300 };
    let mut buffer = JitterBuffer::new(settings);
    let counted = allocations(|| {
        for at in 0..1_000u32 {
            let now = Monotonic::from_millis(u64::from(at) * 20 + u64::from(at % 3) * 15);
            let content = Content::Audio(&[0x55; 240]);
            if at % 17 != 0 {
                buffer.insert(Arrival { sequence: at as u16, timestamp: at * 160, ticks: 160, content }, now);
            }
            buffer.next(now);
        }
    });
    assert_eq!(counted, 0);
    assert!(buffer.counters().played > 800);
}

#[test]
fn tones_keys_mixing_and_playing_allocate_nothing() {
    let mut detector = Detector::new(8_000);
    let mut ring = Generator::signal(Region::France, Signal::RingBack, 8_000);
    let mut mixer = Mixer::new(320, 8).unwrap();
    let mut resampler = Resampler::new(8_000, 16_000, 1).unwrap();
    let mut file = wav::header(8_000, 1, None).to_vec();
    wav::write(&saw(8_000), &mut file);
    let mut player = Player::repeated(Prompt::read(&file, 8_000).unwrap());
    let (mut sender, mut receiver) = (Sender::default(), Receiver::new(8_000));
    let (mut narrow, mut wide) = ([0; 160], [0; 320]);
    let mut keys = 0;
    let counted = allocations(|| {
        for at in 0..500u32 {
            ring.fill(&mut narrow);
            player.fill(&mut narrow);
            detector.listen(&narrow, |_| keys += 1);
            resampler.push(&narrow, &mut wide);
            mixer.begin();
            (0..8).for_each(|member| mixer.put(member, &wide).unwrap());
            (0..8).for_each(|member| mixer.take(member, &mut wide).unwrap());
            sender.press(Digit::from_char('1').unwrap(), Some(800));
            if let Some(packet) = sender.next(160) {
                receiver.receive(&packet.payload, at * 160 - packet.ticks_since_begin, |_| keys += 1);
            }
        }
    });
    assert_eq!(counted, 0);
    assert!(keys > 100, "{keys}");
}

#[test]
fn a_recording_allocates_nothing_when_its_bytes_have_room() {
    for container in [Container::Wav, Container::OggOpus { serial: 1 }] {
        let mut out = Vec::with_capacity(1 << 20);
        let mut recorder = Recorder::new(container, 16_000, &mut out).unwrap();
        let frame = saw(320);
        let counted = allocations(|| {
            for _ in 0..200 {
                recorder.push(&frame, &frame, &mut out).unwrap();
            }
        });
        assert_eq!(counted, 0, "{container:?}");
        assert!(out.len() > 4_000);
    }
}
