import type { TokenCase } from './case.ts';
import { HEADER_CASES } from './header-cases.ts';
import { LOGIN_CASES } from './login-cases.ts';
import { REPLY_CASES } from './reply-cases.ts';

/**
 * What is true of every server that speaks the contract, as far as tokens go; to be tried in this order, since the
 * last case logs out.
 * Source: Django REST framework, tests/authentication/test_authentication.py and tests/test_authtoken.py.
 */
export const TOKEN_CASES: readonly TokenCase[] = [...HEADER_CASES, ...REPLY_CASES, ...LOGIN_CASES];
