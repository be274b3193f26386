import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseExactly, plusOne } from '../../../src/engine/docker/exact-json.ts';

suite('JSON that is read exactly', () => {
  test('is written with every digit that it had', () => {
    const numbers = [
      '0',
      '-0',
      '7',
      '9007199254740993',
      '9223372036854775807',
      '-9223372036854775808',
      '18446744073709551615',
      '1152921504606846977',
      '1.0',
      '0.1',
      '1e3',
      '1E+400',
      '0.30000000000000004441',
      '-1.50',
    ];
    const text = `{"a":[${numbers}],"b":{"c":${numbers[4]}},"d":"9223372036854775807","e":null,"f":true}`;
    assert.equal(JSON.stringify(parseExactly(text)), text);
    for (const number of numbers) {
      assert.equal(JSON.stringify(parseExactly(number)), number);
    }
  });

  test('has the numbers that JavaScript writes in the same way as numbers', () => {
    assert.deepEqual(
      parseExactly('{"a":[1,-2,0.5],"__proto__":{"b":1}}'),
      JSON.parse('{"a":[1,-2,0.5],"__proto__":{"b":1}}'),
    );
    assert.throws(() => parseExactly('{"a":'), SyntaxError);
  });

  test('counts up, whatever the size of a number', () => {
    for (const [before, after] of [
      [undefined, '1'],
      ['4', '5'],
      ['9007199254740993', '9007199254740994'],
      ['18446744073709551614', '18446744073709551615'],
      ['4.0', '5'],
    ] as const) {
      const value = before === undefined ? undefined : parseExactly(before);
      assert.equal(JSON.stringify(plusOne(value)), after);
    }
  });
});
