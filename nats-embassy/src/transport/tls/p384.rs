//! ECDSA on P-384 (FIPS 186-5), which is only verified.
//!
//! The crate `p384` takes 93 KB of flash for it, more than all else of TLS. What it does better is that
//! how long it takes tells no secret. Here, nothing is secret.

use crypto_bigint::Encoding;
use crypto_bigint::U384;

use super::der::Malformed;
use super::der::Reader;
use super::der::tag;
use super::der::unsigned;
use super::montgomery::Modulus;
use super::montgomery::number;

/// Bytes of a number.
const LEN: usize = U384::BYTES;

type Field = Modulus<{ U384::LIMBS }>;

/// Of coordinates, which are in the form of Montgomery everywhere.
static P: Field = Field::new(U384::from_be_hex(
    "ffffffffffffffffffffffffffffffffffffffffffffffff\
     fffffffffffffffeffffffff0000000000000000ffffffff",
));
/// Of what the base point is multiplied with.
static N: Field = Field::new(U384::from_be_hex(
    "ffffffffffffffffffffffffffffffffffffffffffffffff\
     c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
));
/// The curve is y² = x³ - 3x + B.
const B: U384 = U384::from_be_hex(
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112\
     0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
);
/// The base point.
const GX: U384 = U384::from_be_hex(
    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98\
     59f741e082542a385502f25dbf55296c3a545e3872760ab7",
);
const GY: U384 = U384::from_be_hex(
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c\
     e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
);

/// Whether the owner of the key, a point as in SEC 1, has signed something with this hash.
pub(super) fn has_signed(key: &[u8], hash: &[u8], signature: &[u8]) -> bool {
    let Some(key) = Point::read(key) else { return false };
    let Ok((r, s)) = read_signature(signature) else { return false };
    let is_in_range = |number: &U384| *number != U384::ZERO && *number < N.modulus;
    if !is_in_range(&r) || !is_in_range(&s) {
        return false;
    }
    let hash: U384 = number(hash.get(..LEN).unwrap_or(hash));
    let hash = if hash < N.modulus { hash } else { hash.wrapping_sub(&N.modulus) };
    // The inverse, by Fermat's little theorem.
    let inverse = N.power(&N.put(&s), &N.modulus.wrapping_sub(&U384::from_u8(2)));
    let point = Point::sum(&N.mul(&hash, &inverse), &N.mul(&r, &inverse), &key);
    // A coordinate is taken modulo the order, which is a little less than that of the field.
    let wraps = r < P.modulus.wrapping_sub(&N.modulus);
    point.has_x(&r) || (wraps && point.has_x(&r.wrapping_add(&N.modulus)))
}

fn read_signature(signature: &[u8]) -> Result<(U384, U384), Malformed> {
    let mut outside = Reader::new(signature);
    let mut numbers = outside.inside(tag::SEQUENCE)?;
    outside.end()?;
    let mut next = || {
        let bytes = unsigned(numbers.expect(tag::INTEGER)?)?;
        (bytes.len() <= LEN).then(|| number(bytes)).ok_or(Malformed)
    };
    let both = (next()?, next()?);
    numbers.end()?;
    Ok(both)
}

/// In Jacobian coordinates: x/z² and y/z³, and at infinity if z is zero.
#[derive(Clone, Copy)]
struct Point {
    x: U384,
    y: U384,
    z: U384,
}

impl Point {
    fn infinity() -> Self {
        Self { x: P.one, y: P.one, z: U384::ZERO }
    }

    fn base() -> Self {
        Self { x: P.put(&GX), y: P.put(&GY), z: P.one }
    }

    /// A point of the curve, with both coordinates or with one of them and a sign.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, coordinates) = bytes.split_first()?;
        let (x, y) = coordinates.split_at_checked(LEN)?;
        let x: U384 = number(x);
        if x >= P.modulus {
            return None;
        }
        let x = P.put(&x);
        let y_squared = Self::y_squared(&x);
        let y = match (kind, y.len()) {
            (4, LEN) => Some(number(y)).filter(|y| *y < P.modulus).map(|y| P.put(&y))?,
            (2 | 3, 0) => Self::root(&y_squared, *kind),
            _ => return None,
        };
        (P.square(&y) == y_squared).then_some(Self { x, y, z: P.one })
    }

    fn y_squared(x: &U384) -> U384 {
        let triple = P.add(&P.add(x, x), x);
        let cube = P.mul(&P.square(x), x);
        P.add(&P.sub(&cube, &triple), &P.put(&B))
    }

    /// The square root of this sign, if there is one.
    fn root(square: &U384, sign: u8) -> U384 {
        // The modulus is 3 modulo 4.
        let exponent = P.modulus.shr_vartime(2).wrapping_add(&U384::ONE);
        let root = P.power(square, &exponent);
        let is_odd = P.get(&root).to_le_bytes().first().is_some_and(|byte| byte & 1 == 1);
        if is_odd == (sign == 3) { root } else { P.sub(&U384::ZERO, &root) }
    }

    /// So many times the base point, and so many times another one.
    fn sum(of_base: &U384, of_other: &U384, other: &Self) -> Self {
        let base = Self::base();
        let both = base.add(other);
        let mut sum = Self::infinity();
        for bit in (0..U384::BITS).rev() {
            sum = sum.double();
            match (of_base.bit_vartime(bit), of_other.bit_vartime(bit)) {
                (true, true) => sum = sum.add(&both),
                (true, false) => sum = sum.add(&base),
                (false, true) => sum = sum.add(other),
                (false, false) => {}
            }
        }
        sum
    }

    fn is_infinite(&self) -> bool {
        self.z == U384::ZERO
    }

    fn has_x(&self, x: &U384) -> bool {
        !self.is_infinite() && P.mul(&P.put(x), &P.square(&self.z)) == self.x
    }

    /// `dbl-2001-b` of the Explicit-Formulas Database. Right for infinity, too.
    fn double(&self) -> Self {
        let delta = P.square(&self.z);
        let gamma = P.square(&self.y);
        let beta = P.mul(&self.x, &gamma);
        let product = P.mul(&P.sub(&self.x, &delta), &P.add(&self.x, &delta));
        let alpha = P.add(&P.add(&product, &product), &product);
        let beta_2 = P.add(&beta, &beta);
        let beta_4 = P.add(&beta_2, &beta_2);
        let x = P.sub(&P.square(&alpha), &P.add(&beta_4, &beta_4));
        let yz = P.square(&P.add(&self.y, &self.z));
        let z = P.sub(&P.sub(&yz, &gamma), &delta);
        let gamma_2 = P.add(&gamma, &gamma);
        // Twice the square of twice gamma is eight times its square.
        let gamma_squared_4 = P.square(&gamma_2);
        let gamma_squared_8 = P.add(&gamma_squared_4, &gamma_squared_4);
        let y = P.sub(&P.mul(&alpha, &P.sub(&beta_4, &x)), &gamma_squared_8);
        Self { x, y, z }
    }

    /// `add-1998-cmo-2` of the Explicit-Formulas Database, and what it is not right for.
    fn add(&self, other: &Self) -> Self {
        if self.is_infinite() {
            return *other;
        }
        if other.is_infinite() {
            return *self;
        }
        let (zz, other_zz) = (P.square(&self.z), P.square(&other.z));
        let u = P.mul(&self.x, &other_zz);
        let h = P.sub(&P.mul(&other.x, &zz), &u);
        let s = P.mul(&P.mul(&self.y, &other.z), &other_zz);
        let r = P.sub(&P.mul(&P.mul(&other.y, &self.z), &zz), &s);
        if h == U384::ZERO {
            return if r == U384::ZERO { self.double() } else { Self::infinity() };
        }
        let hh = P.square(&h);
        let hhh = P.mul(&h, &hh);
        let v = P.mul(&u, &hh);
        let x = P.sub(&P.sub(&P.square(&r), &hhh), &P.add(&v, &v));
        let y = P.sub(&P.mul(&r, &P.sub(&v, &x)), &P.mul(&s, &hhh));
        let z = P.mul(&P.mul(&self.z, &other.z), &h);
        Self { x, y, z }
    }
}

#[cfg(test)]
mod tests;
