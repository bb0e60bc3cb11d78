import { defineConfig } from "vite";

// `npm run dev` serves the page with reloading; the API is asked of a running `grapevine up`.
const api = "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    // The policy allows no inlined resource: everything is a file of its own, named by its hash.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": { target: api, changeOrigin: true } } },
});
