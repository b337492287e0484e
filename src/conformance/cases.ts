import { BASIC_CASES } from './basic-cases.ts';
import type { TokenCase } from './case.ts';
import { HEADER_CASES } from './header-cases.ts';
import { JWT_CASES } from './jwt-cases.ts';
import { LOGIN_CASES } from './login-cases.ts';
import { REPLY_CASES } from './reply-cases.ts';
import { SESSION_CASES } from './session-cases.ts';

/**
 * What is true of every server that speaks the contract, as far as its ways in go; to be tried in this order, since
 * the last case logs out.
 * Source: Django REST framework, tests/authentication/test_authentication.py and tests/test_authtoken.py;
 * djangorestframework-simplejwt for token pairs.
 */
export const TOKEN_CASES: readonly TokenCase[] = [
  ...HEADER_CASES,
  ...REPLY_CASES,
  ...BASIC_CASES,
  ...JWT_CASES,
  ...SESSION_CASES,
  ...LOGIN_CASES,
];
