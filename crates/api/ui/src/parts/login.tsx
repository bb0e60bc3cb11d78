// Asks for the token.

import type { Trouble } from "../api/client";
import logo from "../assets/grapevine.svg";

export function Login({ trouble, onToken }: { trouble: Trouble | null; onToken: (token: string) => void }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement).get("token");
    if (typeof given === "string" && given.trim()) onToken(given.trim());
  };
  return (
    <main>
      <form class="login" onSubmit={submit}>
        <h1 class="logo">
          <img src={logo} alt="" />
          Grapevine
        </h1>
        <label for="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          autoComplete="current-password"
          required
          aria-describedby="token-help"
        />
        {trouble && (
          <p class="wrong" role="alert">
            {trouble.message}: {trouble.hint}
          </p>
        )}
        <button type="submit" class="button main">
          Log in
        </button>
        <p id="token-help" class="soft small">
          <code>grapevine up</code> printed it at its first start, with an address that logs in by itself.
        </p>
      </form>
    </main>
  );
}
